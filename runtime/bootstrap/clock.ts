// The clock of a worker. Time stands still while code runs (native.now), so that no worker can measure what it shares
// a processor with; everything in JavaScript that reads the current time is made to read that clock:
// Date(), new Date(), Date.now(), Temporal.Now and Intl.DateTimeFormat without an argument.
//
// https://tc39.es/ecma262/#sec-date-objects, https://tc39.es/proposal-temporal/#sec-temporal-now-object

import { native } from "./native.ts";
import {
  Date as IntrinsicDate,
  DatePrototype,
  DatePrototypeToString,
  defineData,
  FunctionPrototypeBind,
  FunctionPrototypeCall,
  MathFloor,
  ObjectCreate,
  ObjectDefineProperty,
  ObjectGetOwnPropertyDescriptor,
  ObjectGetPrototypeOf,
  ObjectPrototype,
  ReflectConstruct,
  SymbolToStringTag,
  uncurryThis,
  WeakMap,
  WeakMapPrototypeGet,
  WeakMapPrototypeSet,
} from "./primordials.ts";

type AnyFunction = (...args: never[]) => unknown;

/** Wall clock, whole ms since the epoch. */
export function nowMs(): number {
  return MathFloor(native.now());
}

/** Makes Date and Intl.DateTimeFormat read native.now(). Once, at snapshot time, for everything but Temporal. */
export function installClock(target: object): void {
  const date = makeDate();
  hidden(target, "Date", date);
  hidden(DatePrototype, "constructor", date);
  replaceFormat(DateTimeFormat.prototype);
}

function hidden(target: object, key: string, value: unknown): void {
  defineData(target, key, value, true, false, true);
}

/** f with the source text "[native code]" and without a prototype property, as built-ins have it. */
function disguise<F extends AnyFunction>(f: F, name: string, length: number): F {
  const bound = FunctionPrototypeBind(f, undefined);
  defineData(bound, "name", name, false, false, true);
  defineData(bound, "length", length, false, false, true);
  return bound;
}

/** A Date constructor that differs from the intrinsic one in its clock alone. A bound function hands its target as new.target, which has the prototype that is needed. */
function makeDate(): DateConstructor {
  const target = function (this: unknown, ...args: unknown[]): unknown {
    if (new.target === undefined) return DatePrototypeToString(new IntrinsicDate(nowMs()));
    return ReflectConstruct(IntrinsicDate, args.length === 0 ? [nowMs()] : args, new.target);
  };
  ObjectDefineProperty(target, "prototype", { value: DatePrototype, writable: false });
  const date = disguise(target, "Date", 7) as unknown as DateConstructor;
  ObjectDefineProperty(date, "prototype", { value: DatePrototype, writable: false, enumerable: false, configurable: false });
  hidden(date, "now", disguise(() => nowMs(), "now", 0));
  hidden(date, "parse", IntrinsicDate.parse);
  hidden(date, "UTC", IntrinsicDate.UTC);
  return date;
}

/** `format` is an accessor that gives one bound function per formatter; formatToParts is a method. Both take undefined for "now". */
function replaceFormat(prototype: object): void {
  const getFormat = ObjectGetOwnPropertyDescriptor(prototype, "format")!.get;
  const wrappers = new WeakMap<AnyFunction, AnyFunction>();
  const { get } = ObjectGetOwnPropertyDescriptor(
    {
      get format(): AnyFunction {
        const format = FunctionPrototypeCall<(date: unknown) => string>(getFormat, this);
        let wrapper = WeakMapPrototypeGet(wrappers, format);
        if (wrapper === undefined) {
          wrapper = disguise((date: unknown) => format(date === undefined ? nowMs() : date), "", 1);
          WeakMapPrototypeSet(wrappers, format, wrapper);
        }
        return wrapper;
      },
    },
    "format",
  )!;
  ObjectDefineProperty(prototype, "format", { get: get!, enumerable: false, configurable: true });
  const original = uncurryThis((prototype as { formatToParts: (date: unknown) => unknown }).formatToParts);
  const { formatToParts } = {
    formatToParts(date: unknown): unknown {
      return original(this as never, date === undefined ? nowMs() : date);
    },
  };
  hidden(prototype, "formatToParts", formatToParts);
}

// ---- Temporal

// V8 leaves Temporal out of snapshots and puts a lazy property on every new global object, which costs a third of a
// millisecond when it is touched, be it to look at it. So the property is deleted unseen and a namespace made when
// somebody asks: its classes are V8's own, found through Date.prototype.toTemporalInstant and what its result can be
// converted to; V8's Temporal.Now, which tells the real time, stays out of reach.

interface Plain {
  toPlainYearMonth(): object;
  toPlainMonthDay(): object;
}
interface Zoned {
  toPlainDateTime(): object;
  toPlainDate(): Plain;
  toPlainTime(): object;
}
interface Instant {
  toZonedDateTimeISO(timeZone: unknown): Zoned;
  until(other: Instant): object;
}
interface InstantClass {
  fromEpochMilliseconds(ms: number): Instant;
}

const { DateTimeFormat } = Intl;
const resolvedOptions = uncurryThis(DateTimeFormat.prototype.resolvedOptions);

const temporalDescriptor: PropertyDescriptor & { __proto__: null } = {
  __proto__: null,
  get: () => {
    const value = makeTemporal();
    defineData(globalThis, "Temporal", value, true, false, true);
    return value;
  },
  set: (value: unknown) => {
    defineData(globalThis, "Temporal", value, true, false, true);
  },
  enumerable: false,
  configurable: true,
};

/** Replaces V8's Temporal. In every isolate, before code of the worker's runs. */
export function installTemporal(): void {
  if (!delete (globalThis as { Temporal?: unknown }).Temporal) return;
  ObjectDefineProperty(globalThis, "Temporal", temporalDescriptor);
}

function makeTemporal(): object {
  const epoch = FunctionPrototypeCall<Instant>((DatePrototype as unknown as { toTemporalInstant: unknown }).toTemporalInstant, new IntrinsicDate(0));
  const zonedEpoch = epoch.toZonedDateTimeISO("UTC");
  const date = zonedEpoch.toPlainDate();
  const instantPrototype = ObjectGetPrototypeOf(epoch) as Instant & { constructor: InstantClass };
  const { toZonedDateTimeISO, constructor: InstantConstructor } = instantPrototype;
  const { fromEpochMilliseconds } = InstantConstructor;
  const { toPlainDateTime, toPlainDate, toPlainTime } = ObjectGetPrototypeOf(zonedEpoch) as Zoned;

  const timeZoneId = (): string => resolvedOptions(new DateTimeFormat()).timeZone;
  const instant = (): Instant => FunctionPrototypeCall(fromEpochMilliseconds, InstantConstructor, nowMs());
  const zoned = (timeZone: unknown): Zoned => FunctionPrototypeCall(toZonedDateTimeISO, instant(), timeZone === undefined ? timeZoneId() : timeZone);
  const Now = ObjectCreate(ObjectPrototype) as object;
  hidden(Now, "timeZoneId", disguise(timeZoneId, "timeZoneId", 0));
  hidden(Now, "instant", disguise(instant, "instant", 0));
  hidden(Now, "zonedDateTimeISO", disguise(zoned, "zonedDateTimeISO", 0));
  hidden(Now, "plainDateTimeISO", disguise((timeZone: unknown) => FunctionPrototypeCall(toPlainDateTime, zoned(timeZone)), "plainDateTimeISO", 0));
  hidden(Now, "plainDateISO", disguise((timeZone: unknown) => FunctionPrototypeCall(toPlainDate, zoned(timeZone)), "plainDateISO", 0));
  hidden(Now, "plainTimeISO", disguise((timeZone: unknown) => FunctionPrototypeCall(toPlainTime, zoned(timeZone)), "plainTimeISO", 0));
  tag(Now, "Temporal.Now");

  const classOf = (o: object): unknown => (ObjectGetPrototypeOf(o) as { constructor: unknown }).constructor;
  const namespace = ObjectCreate(ObjectPrototype) as object;
  hidden(namespace, "Now", Now);
  hidden(namespace, "Duration", classOf(epoch.until(epoch)));
  hidden(namespace, "Instant", InstantConstructor);
  hidden(namespace, "PlainDate", classOf(date));
  hidden(namespace, "PlainTime", classOf(zonedEpoch.toPlainTime()));
  hidden(namespace, "PlainDateTime", classOf(zonedEpoch.toPlainDateTime()));
  hidden(namespace, "PlainYearMonth", classOf(date.toPlainYearMonth()));
  hidden(namespace, "PlainMonthDay", classOf(date.toPlainMonthDay()));
  hidden(namespace, "ZonedDateTime", classOf(zonedEpoch));
  tag(namespace, "Temporal");
  return namespace;
}

function tag(target: object, value: string): void {
  defineData(target, SymbolToStringTag, value, false, false, true);
}
