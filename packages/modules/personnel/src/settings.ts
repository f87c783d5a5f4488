import { setting } from '@backoffice/platform';

/** The settings of this system, beside PERSONNEL_PORT. */
export const personnelSettings = {
  ACCESS_EXPIRES: setting.integer(
    'For how many minutes a token of the personnel system is good.',
    60,
    1,
    10_080,
  ),
};
