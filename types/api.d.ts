// The bodies of requests and responses, generated from the OpenAPI document: do not edit. If a test
// reports that the API has changed, run: python -m tests.house.page_types

type Answer = "yes" | "no" | "not_sure";

interface AnswerBody {
  firstFaceId: number;
  secondFaceId: number;
  answer: Answer;
  versions?: Record<string, number> | null;
  keepName?: string | null;
}

interface AnsweredBody {
  people: PersonBody[];
  changeId: number;
}

interface BackupBody {
  name: string;
  kind: BackupKind;
  reason: BackupReason;
  madeAt: string;
  bytes: number;
  totals: TotalsBody;
}

interface BackupComparisonBody {
  now: TotalsBody;
  then: TotalsBody;
  isSame: boolean;
}

type BackupKind = "decisions" | "everything";

type BackupReason = "asked" | "due" | "before-upgrade" | "before-restore";

interface BackupsBody {
  folder: string | null;
  backups: BackupBody[];
  isAtWork: boolean;
  trouble: string | null;
}

interface BesideBody {
  personId: number;
  name: string | null;
}

interface BoxBody {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

type Cause = "pixels" | "bytes" | "faces" | "workers" | "database" | "failures" | "short" | "pack" | "machine";

type ChangeKind = "rename" | "hide" | "merge" | "move" | "verdict" | "answer" | "cover" | "birth_date" | "undo";

interface ChangedBody {
  person: PersonBody;
  changeId: number | null;
}

interface ClusteringBody {
  name: PhaseName;
  status: PhaseStatus;
  attempt: number;
  discovering: boolean;
  progress: CountsBody;
  startedAt: string | null;
  completedAt: string | null;
  error: string | null;
  step: string | null;
  clustersFound: number | null;
  facesClustered: number | null;
  facesUngrouped: number | null;
  samePerson: string | null;
}

interface CompanionBody {
  personId: number;
  name: string | null;
  photoCount: number;
  coverUrl: string | null;
}

interface ComparedPhaseBody {
  name: PhaseName;
  this: PhaseFiguresBody;
  other: PhaseFiguresBody;
  timesSlower: number | null;
  reasons: ReasonBody[];
}

interface ComparedSessionBody {
  sessionId: number;
  libraryId: number;
  rootPath: string;
  name: string | null;
  pack: string;
  status: SessionStatus;
  createdAt: string;
  failures: FailureReasonBody[];
}

interface ComparisonBody {
  this: ComparedSessionBody;
  other: ComparedSessionBody;
  isSamePack: boolean;
  isSameLibrary: boolean;
  phases: ComparedPhaseBody[];
}

interface ConfirmedBody {
  missing: number;
}

interface CountsBody {
  current: number;
  total: number;
  percentage: number;
  etaSeconds: number | null;
  etaLow: number | null;
  etaHigh: number | null;
  imagesPerMinute: number | null;
  processed: number;
  skipped: number;
  failed: number;
}

interface CoverBody {
  faceId: number | null;
  version: number;
}

type DecisionKind = "person" | "face" | "erased" | "answer" | "region";

interface DryRunBody {
  rootPath: string;
  pack: string;
  photos: number;
  listed: ListedBody;
  gone: number | null;
  goneUnconfirmed: UnconfirmedBody | null;
  bytes: number;
  bytesToRead: number;
  sizesUnknown: number;
  photosToRead: number;
  photosToSearch: number;
  passedOver: Record<string, number>;
  passedOverText: string;
  isComplete: boolean;
  unfinishedSessionId: number | null;
  etaSeconds: number | null;
  etaLow: number | null;
  etaHigh: number | null;
  isMeasured: boolean;
}

interface EditBody {
  name?: string | null;
  isHidden?: boolean | null;
  birthDate?: string | null;
  version: number;
}

interface ErasedBody {
  photos: number;
  faces: number;
  people: number;
}

interface FaceBody {
  faceId: number;
  imageId: number;
  path: string;
  personId: number | null;
  box: BoxBody;
  imageWidth: number;
  imageHeight: number;
  score: number;
  quality: number;
  isPlacedByUser: boolean;
  verdict: FaceVerdict | null;
  takenAt: string | null;
  cropUrl: string;
  thumbnailUrl: string;
  previewUrl: string;
  duplicates: number;
  timeSeconds: number | null;
  durationSeconds: number | null;
}

interface FaceDetectionBody {
  name: PhaseName;
  status: PhaseStatus;
  attempt: number;
  discovering: boolean;
  progress: CountsBody;
  startedAt: string | null;
  completedAt: string | null;
  error: string | null;
  facesDetected: number;
  film: FilmPlaceBody | null;
}

type FaceVerdict = "not_a_face" | "stranger" | "hidden";

interface FacesBody {
  faces: FaceBody[];
  total: number;
  nextAfter: number | null;
}

interface FailureBody {
  fileId: number;
  path: string;
  phase: PhaseName;
  reason: string;
}

interface FailureReasonBody {
  phase: PhaseName;
  reason: string;
  count: number;
}

interface FailuresBody {
  failures: FailureBody[];
  total: number;
  nextAfter: number | null;
}

interface FileFaultBody {
  path: string;
  reason: string;
}

interface FilmPlaceBody {
  name: string;
  seconds: number;
  durationSeconds: number;
}

interface FoundFaceBody {
  box: BoxBody;
  score: number;
  quality: number;
  matches: MatchBody[];
}

interface HealthBody {
  status: string;
}

interface HiddenBody {
  people: PersonBody[];
  changeId: number | null;
}

interface HideBody {
  versions: Record<string, number>;
  isHidden: boolean;
}

interface ImportBody {
  changed: Record<string, number>;
  left: LeftCountBody[];
  listed: LeftDecisionBody[];
}

interface JudgedBody {
  people: PersonBody[];
  faceCount: number;
  changeId: number | null;
}

interface JudgementBody {
  scope: Scope;
  seconds: number;
  moments: number;
  promises: number;
  held: number;
  covered: number;
  medianError: number | null;
  ninthDecileError: number | null;
}

interface LastSessionBody {
  sessionId: number;
  status: SessionStatus;
  createdAt: string;
  completedAt: string | null;
}

interface LeftCountBody {
  kind: DecisionKind;
  reason: LeftReason;
  says: string;
  count: number;
}

interface LeftDecisionBody {
  kind: DecisionKind;
  reason: LeftReason;
  says: string;
  name: string | null;
  path: string | null;
}

type LeftReason = "photo_absent" | "no_face" | "placed_here" | "named_here" | "attributes_here" | "kept_here" | "erased_here";

interface LibrariesBody {
  libraries: LibraryBody[];
}

interface LibraryBody {
  libraryId: number;
  rootPath: string;
  photoCount: number;
  missingCount: number;
  peopleCount: number;
  sessionCount: number;
  lastSession: LastSessionBody | null;
  goneUnconfirmed: UnconfirmedBody | null;
}

interface ListedBody {
  new: number;
  changed: number;
  unsearched: number;
  moved: number;
  copies: number;
  unchanged: number;
}

interface ListedPhotoBody {
  imageId: number;
  path: string;
  imageWidth: number;
  imageHeight: number;
  takenAt: string | null;
  durationSeconds: number | null;
  duplicates: number;
  personIds: number[];
  thumbnailUrl: string;
  previewUrl: string;
}

interface MatchBody {
  person: PersonBody;
  similarity: number;
}

interface MergeBody {
  otherIds: number[];
  versions: Record<string, number>;
}

type Move = "start" | "pause" | "resume" | "cancel" | "restart" | "retry" | "take_over" | "complete" | "fail";

interface MovedBody {
  person: PersonBody | null;
  target: PersonBody | null;
  changeId: number;
}

interface NameConflictBody {
  path: string;
  name: string;
  here: string | null;
  reason: LeftReason;
}

interface NamesReadBody {
  placed: number;
  added: number;
  named: number;
  created: number;
  unchanged: number;
  erased: number;
  waiting: number;
  leftOut: number;
  conflictCount: number;
  conflicts: NameConflictBody[];
  failedCount: number;
  failed: FileFaultBody[];
}

interface NamesWrittenBody {
  folder: string;
  written: number;
  unchanged: number;
  removed: number;
  failedCount: number;
  failed: FileFaultBody[];
}

interface NotificationBody {
  status: SessionStatus;
  channel: string;
  tries: number;
  createdAt: string;
  sentAt: string | null;
  nextTryAt: string | null;
  error: string | null;
}

interface NotificationsBody {
  notifications: NotificationBody[];
}

interface OverallBody {
  percentage: number;
  timePercentage: number;
  counting: boolean;
  etaSeconds: number | null;
  etaLow: number | null;
  etaHigh: number | null;
  currentPhase: PhaseName | null;
}

interface PastChangeBody {
  changeId: number;
  kind: ChangeKind;
  summary: string;
  canUndo: boolean;
  createdAt: string;
  undoneAt: string | null;
}

interface PastChangesBody {
  changes: PastChangeBody[];
}

interface PeopleBody {
  people: PersonBody[];
  total: number;
  nextOffset: number | null;
  pack: string;
  ungroupedFaces: number;
  setAsideFaces: number;
}

interface PersonBody {
  personId: number;
  pack: string;
  name: string | null;
  isHidden: boolean;
  version: number;
  faceCount: number;
  photoCount: number;
  coverFaceId: number | null;
  coverUrl: string | null;
  isCoverChosen: boolean;
  birthDate: string | null;
}

interface PersonHistoryBody {
  years: YearBody[];
  undated: number;
  firstTakenAt: string | null;
  lastTakenAt: string | null;
  together: CompanionBody[];
}

interface PhaseBody {
  name: PhaseName;
  status: PhaseStatus;
  attempt: number;
  discovering: boolean;
  progress: CountsBody;
  startedAt: string | null;
  completedAt: string | null;
  error: string | null;
}

interface PhaseFiguresBody {
  status: PhaseStatus;
  total: number;
  processed: number;
  skipped: number;
  failed: number;
  worked: number;
  faces: number;
  seconds: number | null;
  perSecond: number | null;
  pixelsPerPhoto: number | null;
  bytesPerPhoto: number | null;
  workers: number;
  waitedSeconds: number;
  peopleGained: number | null;
  peopleLost: number | null;
  peopleSplit: number | null;
  speed: SpeedPointBody[];
}

type PhaseName = "training" | "face_detection" | "clustering";

interface PhaseSpeedBody {
  name: PhaseName;
  points: SpeedPointBody[];
}

type PhaseStatus = "pending" | "running" | "paused" | "completed" | "failed" | "cancelled";

interface PhasesBody {
  training: PhaseBody;
  faceDetection: FaceDetectionBody;
  clustering: ClusteringBody;
}

interface PhotoBody {
  imageId: number;
  width: number;
  height: number;
  takenAt: string | null;
  durationSeconds: number | null;
  missingSince: string | null;
  duplicateOf: number | null;
  duplicates: number[];
  similarTo: number | null;
  similar: number[];
  files: PhotoFileBody[];
  people: PhotoPersonBody[];
  faces: PhotoFaceBody[];
  thumbnailUrl: string;
  previewUrl: string;
  filmUrl: string | null;
}

interface PhotoFaceBody {
  faceId: number;
  personId: number | null;
  isStranger: boolean;
  box: BoxBody;
  timeSeconds: number | null;
}

interface PhotoFileBody {
  fileId: number;
  path: string;
  size: number | null;
  modifiedAt: string | null;
  present: boolean;
  missingSince: string | null;
  superseded: boolean;
}

type PhotoMatch = "all" | "any" | "only";

interface PhotoPersonBody {
  personId: number;
  name: string | null;
  birthDate: string | null;
  faceIds: number[];
}

interface PhotosBody {
  photos: ListedPhotoBody[];
  total: number;
  photoCount: number;
  nextOffset: number | null;
  pack: string;
  match: PhotoMatch;
  people: SoughtPersonBody[];
}

interface PlaceBody {
  faceIds: number[];
  toPersonId?: number | null;
}

interface ProgressBody {
  sessionId: number;
  overallStatus: SessionStatus;
  version: number;
  waitingFor: string | null;
  filmCount: number;
  overallProgress: OverallBody;
  phases: PhasesBody;
}

interface PromiseBody {
  scope: Scope;
  workedSeconds: number;
  low: number | null;
  middle: number | null;
  high: number | null;
}

interface PromisesBody {
  sessionId: number;
  outcomes: JudgementBody[];
  promises: PromiseBody[];
}

interface ReasonBody {
  cause: Cause;
  factor: number;
}

interface RestoreBody {
  name: string;
  isImport: boolean;
  state: RestoreState;
  step: string;
  share: number | null;
  startedAt: string;
  endedAt: string | null;
  kept: string | null;
  changed: Record<string, number>;
  left: number;
  error: string | null;
}

type RestoreState = "running" | "done" | "failed";

type Scope = "session" | "training" | "face_detection" | "clustering";

interface SearchBody {
  faces: FoundFaceBody[];
  imageWidth: number;
  imageHeight: number;
  pack: string;
}

interface SessionBody {
  sessionId: number;
  libraryId: number;
  jobId: string | null;
  jobUrl: string | null;
  rootPath: string;
  name: string | null;
  pack: string;
  status: SessionStatus;
  error: string | null;
  createdAt: string;
  startedAt: string | null;
  completedAt: string | null;
  photoCount: number | null;
  peopleCount: number | null;
  passedOver: Record<string, number>;
  passedOverText: string;
  companionsText: string;
  moved: number;
  missing: number;
  goneUnconfirmed: UnconfirmedBody | null;
  legalMoves: Move[];
  workedSeconds: number;
  mainBar: "work" | "time";
}

type SessionStatus = "pending" | "running" | "paused" | "completed" | "failed" | "cancelled";

interface SessionsBody {
  sessions: SessionBody[];
  total: number;
  nextBefore: number | null;
}

interface SideBody {
  face: FaceBody;
  person: PersonBody | null;
  companions: BesideBody[];
}

interface SoughtPersonBody {
  personId: number;
  name: string | null;
  birthDate: string | null;
}

interface SpeedBody {
  sessionId: number;
  phases: PhaseSpeedBody[];
}

interface SpeedPointBody {
  fromSeconds: number;
  untilSeconds: number;
  perSecond: number;
}

interface SplitBody {
  faceIds: number[];
  toPersonId?: number | "nobody" | null;
  version: number;
}

interface StartBody {
  rootPath: string;
  name?: string | null;
  options?: StartOptions;
}

interface StartOptions {
  pack?: string | null;
}

interface SuggestionBody {
  kind: SuggestionKind;
  first: SideBody;
  second: SideBody;
  similarity: number;
  likelihood: number;
  settles: number;
}

type SuggestionKind = "people" | "place" | "pair";

interface SuggestionsBody {
  suggestions: SuggestionBody[];
  total: number;
  isPreparing: boolean;
  pack: string;
}

interface TotalsBody {
  photos: number;
  faces: number;
  people: number;
  named: number;
}

interface UnconfirmedBody {
  known: number;
  gone: number;
}

interface UndoneBody {
  people: PersonBody[];
  changeId: number;
  summary: string;
  next: PastChangeBody | null;
}

interface VerdictBody {
  faceIds: number[];
  verdict: FaceVerdict | null;
}

interface WaitingBody {
  count: number;
  waiting: WaitingDecisionBody[];
}

interface WaitingDecisionBody {
  kind: DecisionKind;
  reason: LeftReason;
  says: string;
  name: string | null;
  path: string | null;
  source: string;
  keptAt: string;
}

interface YearBody {
  year: number;
  photoCount: number;
}
