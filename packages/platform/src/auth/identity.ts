import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import type { Platform } from '../data.ts';
import type { SystemModule } from '../http/module.ts';
import { createPasswordStrength } from './password-strength.ts';
import { createPasswords } from './passwords.ts';
import { authRoutes } from './routes.ts';
import { createSignIn } from './sign-in.ts';
import { createUserAdmin } from './user-admin.ts';
import { userRoutes } from './user-routes.ts';
import type { UserRepository } from './users.ts';

/** Everything about who somebody is, for one system. `modules`: all systems that a person may use. */
export function createIdentity(
  app: FastifyInstance,
  platform: Platform,
  module: SystemModule,
  options: { users: UserRepository; modules: readonly SystemModule[]; passwordCost: number | undefined },
) {
  const { users, modules } = options;
  const passwords = createPasswords(options.passwordCost);
  const strength = createPasswordStrength();
  app.addHook('onClose', () => strength.close());
  const signIn = createSignIn(platform, module.name, users, passwords);
  const administrators = new Map(modules.map((each) => [each.name, each.administrators]));
  const admin = createUserAdmin(platform, module.name, {
    users,
    passwords,
    strength,
    signIn,
    administrators,
  });

  const routes: FastifyPluginAsync = async (api) => {
    await api.register(
      authRoutes({ platform, module, users, passwords, strength, signIn }) as FastifyPluginAsync,
    );
    if (module.userAdministration === 'own') return;
    await api.register(userRoutes({ platform, module, users, admin }) as FastifyPluginAsync);
  };
  return { signIn, routes };
}
