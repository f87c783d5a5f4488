import type { WorkerModule } from '@backoffice/platform';
import { receivablesWorker } from '@backoffice/receivables/worker';

/** Every system whose jobs this process runs. A new one is a line here. */
export const modules: readonly WorkerModule[] = [receivablesWorker];
