import { personnel } from '@backoffice/personnel';
import { personnelWorker } from '@backoffice/personnel/worker';
import type { SystemModule, WorkerModule } from '@backoffice/platform';
import { receivables } from '@backoffice/receivables';
import { receivablesWorker } from '@backoffice/receivables/worker';

/** Every system whose jobs this process runs, and that the commands know. A new one is a line here. */
const built: readonly { module: SystemModule; worker: WorkerModule }[] = [
  { module: receivables, worker: receivablesWorker },
  { module: personnel, worker: personnelWorker },
];

export const systems = built.map(({ module }) => module);
export const workers = built.map(({ worker }) => worker);
