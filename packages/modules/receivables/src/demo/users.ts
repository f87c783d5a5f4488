import type { SeedUser } from '@backoffice/platform';
import { type Department, departments, type Region, regionCodes } from '../model.ts';
import { personName } from './names.ts';

/** A login of the demo, as the receivables system knows it. */
export interface DemoUser extends SeedUser {
  email: string;
  membership: { role: string; region: Region | null; department: Department | null };
}

const headOffice: readonly DemoUser[] = [
  {
    email: 'admin@example.com',
    name: 'Nandini Rangan',
    contact: contactOf(0),
    membership: { role: 'Admin', region: null, department: null },
  },
  {
    email: 'country.manager@example.com',
    name: 'Devendra Khanna',
    contact: contactOf(1),
    membership: { role: 'Country Manager', region: null, department: null },
  },
];

/** Those that one wants to sign in as first. */
export const demoLogins = [
  { name: 'admin@example.com', may: 'Admin' },
  { name: 'country.manager@example.com', may: 'Country Manager' },
  { name: 'manager.mumbai@example.com', may: 'Manager, Mumbai' },
  { name: 'engineer.mumbai@example.com', may: 'Engineer, Mumbai' },
  { name: 'manager.delhi@example.com', may: 'Manager, Delhi' },
  { name: 'engineer.delhi@example.com', may: 'Engineer, Delhi' },
] as const;

/** The first administrator alone. */
export function listAdministrators(): readonly DemoUser[] {
  return headOffice.slice(0, 1);
}

/** A user for every role, and for each region a manager and two engineers, one for each department. */
export function listDemoUsers(): readonly DemoUser[] {
  const inRegions = regionCodes.flatMap((region, place) => {
    const member = (post: string, nth: number, role: string, department: Department | null): DemoUser => {
      const index = place * 3 + nth;
      const membership = { role, region, department };
      return {
        email: `${post}.${region}@example.com`,
        name: personName(index),
        contact: contactOf(index + 2),
        membership,
      };
    };
    return [
      member('manager', 0, 'Manager', null),
      member('engineer', 1, 'Engineer', departments[0]),
      member('engineer2', 2, 'Engineer', departments[1]),
    ];
  });
  return [...headOffice, ...inRegions];
}

/** Looks like an Indian mobile number and can't be anyone's: none begins with 0. */
function contactOf(index: number): string {
  return `+91 00000 ${String(10_001 + index * 37).padStart(5, '0')}`;
}
