import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify';
import type { Platform } from '../data.ts';
import type { SystemModule } from '../http/module.ts';
import { createOwnAccount, type OwnAccount, originOf } from './own-account.ts';
import { createPasswordStrength } from './password-strength.ts';
import { createPasswords } from './passwords.ts';
import { authRoutes } from './routes.ts';
import { createSignIn, type Origin, type SignIn } from './sign-in.ts';
import { signToken } from './tokens.ts';
import { createUserAdmin, type UserAdmin } from './user-admin.ts';
import { userRoutes } from './user-routes.ts';
import type { UserDocument, UserRepository } from './users.ts';

/**
 * Everything about who somebody is, for one system: what the platform's own routes stand on, and what a module
 * builds its routes from where it has them itself (`identityRoutes: 'own'`).
 */
export interface Identity {
  users: UserRepository;
  /** What administrators do with the system's users. */
  admin: UserAdmin;
  signIn: SignIn;
  /** A token of this system. `role` is for display only. */
  signToken: (user: UserDocument, role: string) => string;
  /** What users do about themselves. */
  own: OwnAccount;
  /** Where a request comes from, for `signIn`. */
  originOf: (request: FastifyRequest) => Origin;
}

/** `modules`: all systems that a person may use. */
export function createIdentity(
  app: FastifyInstance,
  platform: Platform,
  module: SystemModule,
  options: { users: UserRepository; modules: readonly SystemModule[]; passwordCost: number | undefined },
): Identity {
  const { users, modules } = options;
  const passwords = createPasswords(options.passwordCost);
  const strength = createPasswordStrength();
  app.addHook('onClose', () => strength.close());
  const signIn = createSignIn(platform, module, users, passwords);
  const admin = createUserAdmin(platform, module.name, {
    users,
    passwords,
    strength,
    signIn,
    administrators: new Map(modules.map((each) => [each.name, each.administrators])),
    byArmyNumber: new Set(modules.filter((each) => each.signInBy === 'armyNumber').map(({ name }) => name)),
  });
  return {
    users,
    admin,
    signIn,
    signToken: (user, role) => signToken(app, user, role),
    own: createOwnAccount(platform, module, { users, passwords, strength, signIn }),
    originOf,
  };
}

/** `/auth/*`, `/admin/users*` and `/admin/sign-ins`, for a module that has no such routes itself. */
export function identityRoutes(
  platform: Platform,
  module: SystemModule,
  identity: Identity,
): FastifyPluginAsync {
  return async (api) => {
    await api.register(authRoutes(platform, module, identity) as FastifyPluginAsync);
    await api.register(userRoutes(platform, module, identity) as FastifyPluginAsync);
  };
}
