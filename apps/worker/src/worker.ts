import type { WorkerModule } from '@backoffice/platform';

/** Every system whose jobs this process runs. A new one is a line here. */
export const modules: readonly WorkerModule[] = [];
