// What the modules of the page hand each other. What the API answers is in api.d.ts.

type Child = Node | string | null | undefined | false;

interface Attributes {
  [name: string]: string | number | boolean | null | undefined | ((event: any) => unknown);
}

type Make = <T extends keyof HTMLElementTagNameMap>(
  tag: T, attributes?: Attributes, ...children: (Child | Child[])[]
) => HTMLElementTagNameMap[T];

type Control = HTMLButtonElement | HTMLInputElement;

/** A part of the page that shows what it is given. */
interface Shown<T> {
  node: HTMLElement;
  update: (value: T) => void;
}

/** The button that looks at a folder, and what it found; `leave` ends a look. */
interface Looking {
  button: HTMLButtonElement;
  found: HTMLElement;
  leave: () => void;
}

interface RequestOptions {
  method?: string;
  body?: BodyInit;
  signal?: AbortSignal;
  headers?: Record<string, string>;
}

/** What a problem of the API (RFC 9457) says beside its words. */
interface ProblemBody {
  type?: string;
  title?: string;
  detail?: string;
  current?: PersonBody;
  otherPersonId?: number;
  names?: string[];
}

interface Place {
  params: string[];
  query: URLSearchParams;
  signal: AbortSignal;
}

type View = (place: Place) => Promise<Node | string>;
type Route = [pattern: RegExp, view: View, section: string];

interface Page<T> {
  items: T[];
  next: number | null;
}

interface List<T> {
  list: HTMLElement;
  load: (cursor: number | undefined) => Promise<Page<T>>;
  tile: (item: T) => HTMLElement;
  key: (item: T) => number;
  signal: AbortSignal;
  empty: HTMLElement;
}

interface GrowingList {
  node: HTMLElement;
  grow: () => Promise<void>;
  refresh: () => Promise<void>;
}

interface Ticks<T> {
  bar: HTMLElement;
  checkbox: (key: number, item: T, label: string) => HTMLElement;
  clear: () => void;
  items: () => T[];
}

/** What came of a change: of one person, of two, or of as many as an undo gave back. */
type Outcome = ChangedBody | HiddenBody | JudgedBody | MovedBody | AnsweredBody | UndoneBody;

/** Two or more people that are one. */
interface Merge {
  kept: PersonBody;
  others: PersonBody[];
}

type MoveFaces = (faces: FaceBody[]) => unknown;
type Size = Pick<FaceBody, "imageWidth" | "imageHeight">;
type PhaseKey = keyof PhasesBody;

interface Phase {
  key: PhaseKey;
  name: PhaseName;
  title: string;
}

/** A line of a chart of speed. */
interface ChartLine {
  label: string;
  points: SpeedPointBody[];
}

/** Where the lines of a chart go, from 0 seconds and 0 a second on. */
interface ChartScale {
  untilSeconds: number;
  highest: number;
  top: number;
  isCut: boolean;
  paths: string[];
}

/** Any of the three phases: what only one of them has may be missing. */
type AnyPhase = PhaseBody & Partial<FaceDetectionBody> & Partial<ClusteringBody>;

type SendMove = (name: string, query?: string) => Promise<void>;

/** The suggestions that wait for an answer. */
interface SuggestionQueue {
  refill: (first?: SuggestionBody | null) => Promise<void>;
  settle: (asked: SuggestionBody, answer: Answer, people: PersonBody[]) => void;
  bringBack: (asked: SuggestionBody, people: PersonBody[]) => Promise<void>;
  first: () => SuggestionBody | null;
  state: { total: number; isPreparing: boolean };
}
