import { setting } from '@backoffice/platform';

/** The settings of this system, beside RECEIVABLES_PORT. */
export const receivablesSettings = {
  RECEIVABLES_READ_SCOPE: setting.choice(
    'own: managers and engineers read their own region only; all: every region.',
    ['own', 'all'],
    'own',
  ),
};
