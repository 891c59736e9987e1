/**
 * Numbers as a person reads them. Pure functions; every number in the card goes through one of these. They agree with
 * `spark_kernel/notebook/card/amounts.py`, which writes the numbers in the saved picture.
 */

const SIZES = ['kB', 'MB', 'GB', 'TB', 'PB'];

/** A size in bytes with three digits at most, in powers of 1000: `2480000` is "2.5 MB". */
export function formatBytes(bytes: number): string {
  let [amount, unit] = [bytes, 'B'];
  for (const next of SIZES) {
    // What would be printed as "1000 kB" moves on to the next unit.
    if (amount < (unit === 'B' ? 1000 : 999.5)) {
      break;
    }
    [amount, unit] = [amount / 1000, next];
  }
  return `${unit === 'B' || amount >= 9.95 ? amount.toFixed(0) : amount.toFixed(1)} ${unit}`;
}

/** A whole number with thousands separated, and its noun: "1 task", "60,000 rows". */
export function formatCount(amount: number, noun = ''): string {
  const digits = Math.round(amount)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');
  return noun ? `${digits} ${noun}${amount === 1 ? '' : 's'}` : digits;
}

/** A duration in seconds, as precise as matters: "12 ms", "3.2 s", "2 min 5 s", "1 h 2 min". */
export function formatSeconds(seconds: number): string {
  if (seconds < 0.9995) {
    return `${(Math.max(seconds, 0) * 1000).toFixed(0)} ms`;
  }
  if (seconds < 9.95) {
    return `${seconds.toFixed(1)} s`;
  }
  const whole = Math.round(seconds);
  if (whole < 60) {
    return `${whole} s`;
  }
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${whole % 60} s`;
}
