export { Batch } from "./src/batch.js";
export { commitWithin, reject, skip } from "./src/epoch.js";
export { SinkError, invalid, other, rejected, throttled, unavailable } from "./src/errors.js";
export { log } from "./src/log.js";
export { Plan } from "./src/plan.js";
