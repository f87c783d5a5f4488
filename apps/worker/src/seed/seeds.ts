import { personnelSeed } from '@backoffice/personnel/demo';
import type { ModuleSeed } from '@backoffice/platform';
import { receivablesSeed } from '@backoffice/receivables/demo';

/** Every system that has users or demo data of its own. A new one is a line here. */
export const seeds: readonly ModuleSeed[] = [receivablesSeed, personnelSeed];
