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
  FunctionPrototypeBind,
  FunctionPrototypeCall,
  MathFloor,
  ObjectDefineProperty,
  ObjectGetOwnPropertyDescriptor,
  ReflectConstruct,
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

/** Makes everything on `target`, a global object, that tells the time read native.now(). Once, at snapshot time. */
export function installClock(target: object): void {
  const date = makeDate();
  hidden(target, "Date", date);
  hidden(DatePrototype, "constructor", date);
  const { Intl, Temporal } = target as { Intl?: { DateTimeFormat: { prototype: object } }; Temporal?: Temporal };
  if (Intl !== undefined) replaceFormat(Intl.DateTimeFormat.prototype);
  if (Temporal !== undefined) replaceNow(Temporal);
}

function hidden(target: object, key: string, value: unknown): void {
  ObjectDefineProperty(target, key, { value, writable: true, enumerable: false, configurable: true });
}

/** f with the source text "[native code]" and without a prototype property, as built-ins have it. */
function disguise<F extends AnyFunction>(f: F, name: string, length: number): F {
  const bound = FunctionPrototypeBind(f, undefined);
  ObjectDefineProperty(bound, "name", { value: name, writable: false, enumerable: false, configurable: true });
  ObjectDefineProperty(bound, "length", { value: length, writable: false, enumerable: false, configurable: true });
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

// As much of Temporal as the replacement of Temporal.Now needs.
interface Zoned {
  toPlainDateTime(): unknown;
  toPlainDate(): unknown;
  toPlainTime(): unknown;
}
interface Instant {
  toZonedDateTimeISO(timeZone: unknown): Zoned;
}
interface Temporal {
  Now: { timeZoneId(): string };
  Instant: { fromEpochMilliseconds(ms: number): Instant; prototype: Instant };
  ZonedDateTime: { prototype: Zoned };
}

function replaceNow({ Now, Instant, ZonedDateTime }: Temporal): void {
  const fromMs = Instant.fromEpochMilliseconds;
  const timeZoneId = Now.timeZoneId;
  const toZoned = uncurryThis(Instant.prototype.toZonedDateTimeISO);
  const toPlainDateTime = uncurryThis(ZonedDateTime.prototype.toPlainDateTime);
  const toPlainDate = uncurryThis(ZonedDateTime.prototype.toPlainDate);
  const toPlainTime = uncurryThis(ZonedDateTime.prototype.toPlainTime);
  const instant = (): Instant => FunctionPrototypeCall<Instant>(fromMs, Instant, nowMs());
  const zoned = (timeZone: unknown): Zoned => toZoned(instant(), timeZone === undefined ? FunctionPrototypeCall(timeZoneId, Now) : timeZone);
  hidden(Now, "instant", disguise(instant, "instant", 0));
  hidden(Now, "zonedDateTimeISO", disguise(zoned, "zonedDateTimeISO", 0));
  hidden(Now, "plainDateTimeISO", disguise((timeZone: unknown) => toPlainDateTime(zoned(timeZone)), "plainDateTimeISO", 0));
  hidden(Now, "plainDateISO", disguise((timeZone: unknown) => toPlainDate(zoned(timeZone)), "plainDateISO", 0));
  hidden(Now, "plainTimeISO", disguise((timeZone: unknown) => toPlainTime(zoned(timeZone)), "plainTimeISO", 0));
}
