import type { Static, TObject, TProperties } from '@sinclair/typebox';
import type { SystemModule } from '../http/module.ts';
import { type Config, ConfigSchema } from './schema.ts';
import { integer, type SettingSchema } from './setting.ts';

/** What of a system's module makes settings. */
export type SystemSettings = Pick<SystemModule, 'name' | 'title' | 'port' | 'settings'>;

/** One setting, and whose it is. */
export interface OwnedSetting {
  name: string;
  /** The name of a system, or `platform`. */
  owner: string;
  schema: SettingSchema;
}

/** The setting that says where a system listens: `<NAME>_PORT`. */
export function portSettingOf(system: { name: string }): string {
  return `${system.name.toUpperCase()}_PORT`;
}

/** Every setting there is: those of the platform, then each system's port and its own. */
export function settingsFor(systems: readonly SystemSettings[]): OwnedSetting[] {
  return [
    ...owned('platform', ConfigSchema.properties),
    ...systems.flatMap((system) =>
      owned(system.name, { [portSettingOf(system)]: portSchema(system), ...system.settings }),
    ),
  ];
}

/** A sentence for every setting that has two owners: one would read what the other one means. */
export function sharedSettings(settings: readonly OwnedSetting[]): string[] {
  const owners = new Map<string, string>();
  const faults: string[] = [];
  for (const { name, owner } of settings) {
    const first = owners.get(name);
    if (first !== undefined) faults.push(`${name} is a setting of ${first} and of ${owner}.`);
    owners.set(name, first ?? owner);
  }
  return faults;
}

/**
 * A system's own settings, typed as it describes them.
 * @throws Error when the settings were loaded without this system
 */
export function settingsOf<T extends TProperties>(config: Config, properties: T): Static<TObject<T>> {
  const own = Object.keys(properties).map((name) => [name, loaded(config, name)]);
  return Object.fromEntries(own) as Static<TObject<T>>;
}

/**
 * The port of a system.
 * @throws Error when the settings were loaded without this system
 */
export function portOf(config: Config, system: { name: string }): number {
  return loaded(config, portSettingOf(system)) as number;
}

function loaded(config: Config, name: string): unknown {
  if (!Object.hasOwn(config, name)) throw new Error(`${name} was not loaded with the other settings.`);
  return config[name as keyof Config];
}

function portSchema({ title, port }: SystemSettings) {
  return integer(`The port of ${title} (0: any free one).`, port, 0, 65_535);
}

function owned(owner: string, properties: TProperties): OwnedSetting[] {
  return Object.entries(properties).map(([name, schema]) => {
    return { name, owner, schema: schema as unknown as SettingSchema };
  });
}
