import { portSettingOf } from '@backoffice/platform';
import { seeds } from './seed/seeds.ts';
import { systems } from './worker.ts';

// What the start of the whole has to know of each system, for it does not load them: one line of JSON.
const listed = systems.map((system) => {
  const { name, title, port, prefix } = system;
  const seed = seeds.find((each) => each.system === name);
  const administrators = new Set(
    seed?.administrators().flatMap(({ email, armyNumber }) => [email, armyNumber]),
  );
  const logins = (seed?.logins ?? []).map((login) => {
    return { ...login, administrator: administrators.has(login.name) };
  });
  return { name, title, port, portSetting: portSettingOf(system), prefix, logins };
});

console.log(JSON.stringify(listed));
