/** The parts that read a cluster each find that its API server is away. A person wants to read of it once. */
import { isOutage, type SourceLog } from './log-difference.ts';

/** To be shared by all of them: an outage has a line when the first one finds it, and when the last one is well again. */
export function createOutageLog(log: SourceLog): SourceLog {
  let away = 0;
  return {
    info(details, message) {
      if (isOutage(details) && (away -= 1) > 0) return;
      log.info(details, message);
    },
    warn: (details, message) => log.warn(details, message),
    error(details, message) {
      if (isOutage(details) && (away += 1) > 1) return;
      log.error(details, message);
    },
  };
}
