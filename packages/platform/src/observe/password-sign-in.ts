import { CodedError } from '@backoffice/core';
import { memberOf } from '../auth/authenticate.ts';
import type { Passwords } from '../auth/passwords.ts';
import type { UserRepository } from '../auth/users.ts';
import type { SystemModule } from '../http/module.ts';
import type { SignIn } from './operator-pages.ts';

export function signInWith(module: SystemModule, users: UserRepository, passwords: Passwords): SignIn {
  return async (_request, email, password) => {
    const user = await users.findByEmail(email);
    const same = await passwords.matches(password, user?.passwordHash ?? null);
    const member = user === null ? null : memberOf(user, module.name);
    if (!same || user === null || member === null) throw new CodedError('INVALID_CREDENTIALS');
    await users.updateLastLogin(user._id);
    return { user, member };
  };
}
