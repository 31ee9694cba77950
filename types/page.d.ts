// The types that the modules of the page share. The types of the API are in api.d.ts.

type Child = Node | string | null | undefined | false;

interface Attributes {
  [name: string]: string | number | boolean | null | undefined | ((event: any) => unknown);
}

type Make = <T extends keyof HTMLElementTagNameMap>(
  tag: T, attributes?: Attributes, ...children: (Child | Child[])[]
) => HTMLElementTagNameMap[T];

type Control = HTMLButtonElement | HTMLInputElement;

/** A part of the page: its node, and the function that shows a new value. */
interface Shown<T> {
  node: HTMLElement;
  update: (value: T) => void;
}

/** The button of a dry run and its result; `leave` cancels it. */
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

/** A problem of the API (RFC 9457), with the additional members of some problems. */
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

/** The answer to a change: of one person, of two, or of all people that an undo restored. */
type Outcome = ChangedBody | HiddenBody | JudgedBody | MovedBody | AnsweredBody | UndoneBody;

/** A merge: the person that stays, and the others. */
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

/** A line of a speed chart. */
interface ChartLine {
  label: string;
  points: SpeedPointBody[];
}

/** The axes and paths of a speed chart; both axes begin at 0. */
interface ChartScale {
  untilSeconds: number;
  highest: number;
  top: number;
  isCut: boolean;
  paths: string[];
}

/** Any of the three phases; the fields that only one of them has may be missing. */
type AnyPhase = PhaseBody & Partial<FaceDetectionBody> & Partial<ClusteringBody>;

type SendMove = (name: string, query?: string) => Promise<void>;

/** The queue of open suggestions. */
interface SuggestionQueue {
  refill: (first?: SuggestionBody | null) => Promise<void>;
  settle: (asked: SuggestionBody, answer: Answer, people: PersonBody[]) => void;
  bringBack: (asked: SuggestionBody, people: PersonBody[]) => Promise<void>;
  first: () => SuggestionBody | null;
  state: { total: number; isPreparing: boolean };
}
