/** `2026-01-01 12:00:05Z`. */
export function moment(time: string): string {
  return `${time.slice(0, 10)} ${time.slice(11, 19)}Z`;
}
