export * from './auth/member.ts';
export * from './auth/passwords.ts';
export * from './auth/users.ts';
export * from './data.ts';
export * from './http/app.ts';
export * from './http/module.ts';
