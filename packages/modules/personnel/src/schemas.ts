import { type TProperties, type TSchema, Type } from '@sinclair/typebox';
import { answerOf, BareSchema, NothingSchema } from './answers.ts';
import { longest } from './fields.ts';
import { roles, statuses } from './model.ts';
import { kinds } from './rollups/figures.ts';

// Bodies are open: what is not known is ignored, for existing front-ends send whole objects back. What a text may
// be beside its type and its length is read in fields.ts.

const closed = <T extends TProperties>(properties: T) =>
  Type.Object(properties, { additionalProperties: false });
const oneOf = <const T extends readonly string[]>(values: T) =>
  Type.Union(values.map((each) => Type.Literal(each as T[number])));
const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

// Twice what is taken once the spaces around it are gone.
const text = (description?: string, max: number = longest.text) =>
  Type.String({ maxLength: max * 2, ...(description === undefined ? {} : { description }) });
/** What is wrong with it is said in the words of the contract. */
const anything = (description: string) => Type.Optional(Type.Unknown({ description }));
const when = Type.String({ format: 'date-time' });
const password = Type.String({ maxLength: 1_024, description: 'At most 72 bytes' });
const armyNumber = text('Letter case and spaces make no difference');
const pathId = Type.String({ maxLength: 100 });

/** A membership of this system. */
export const MembershipProperties = {
  role: oneOf(roles),
  firstName: Type.Optional(Type.String()),
  lastName: Type.Optional(Type.String()),
  allowedDbs: Type.Optional(Type.Array(Type.String())),
  accessAllDb: Type.Optional(Type.Boolean()),
  isGenerated: Type.Optional(Type.Boolean()),
};

export const UserParams = Type.Object({ userId: pathId });
export const DbParams = Type.Object({ dbId: pathId });
export const RecordParams = Type.Object({ personnelId: pathId });
export const DbListParams = Type.Object({ db_id: pathId });

/** Documents that a change may name the version that it is based on. */
export const VersionHeaders = Type.Object({
  'if-match': Type.Optional(
    Type.String({ description: 'The ETag of the object; 412 when somebody has changed it since' }),
  ),
});

// Read as text: a number of any length has an answer.
export const PagingQuery = {
  page: Type.Optional(Type.String({ description: 'A whole number; below 1 it is 1' })),
  limit: Type.Optional(
    Type.String({ description: 'A whole number; 10 where it is below 1 or left out, at most 500' }),
  ),
};
const search = Type.Optional(
  Type.String({ maxLength: 200, description: 'Part of one field, in any letter case' }),
);
const dbFilter = Type.Optional(Type.String({ maxLength: 100, description: 'Left out or empty: every db' }));
export const SearchQuery = Type.Object({ ...PagingQuery, search });
export const RecordsQuery = Type.Object({ db_id: dbFilter });
export const DeletedQuery = Type.Object({ ...PagingQuery, db_id: dbFilter });
export const DbListQuery = Type.Object({
  ...SearchQuery.properties,
  filter: Type.Optional(
    Type.String({ maxLength: 100, description: `all, ${statuses.join(', ')}; in any letter case` }),
  ),
});
const day = (description: string) => Type.Optional(Type.String({ maxLength: 100, description }));
const ids = Type.Optional(
  Type.Union([Type.Literal('none'), Type.Literal('all')], {
    description:
      'all (left out): with the ids of the records behind every figure; none: without, read from one document a db',
  }),
);
const businessDay = 'YYYY-MM-DD in the business time zone';
export const HeadcountQuery = Type.Object({
  db_id: dbFilter,
  as_of: day(`${businessDay}; left out: today`),
  ids,
});
export const MovementsQuery = Type.Object({
  db_id: dbFilter,
  from: day(`${businessDay}, included; left out: the first of this month`),
  to: day(`${businessDay}, included; left out: today`),
  ids,
});

export const LoginBody = Type.Object({ army_number: armyNumber, password });
export const ChangePasswordBody = Type.Object({ old_password: password, new_password: password });

const access = {
  allowed_dbs: anything('A list of ids of dbs'),
  access_all_db: Type.Optional(Type.Boolean()),
};
export const CreateUserBody = Type.Object({
  first_name: text(),
  last_name: text(),
  army_number: armyNumber,
  password,
  ...access,
});
export const UpdateUserBody = Type.Object({
  first_name: Type.Optional(text()),
  last_name: Type.Optional(text()),
  ...access,
});
export const ResetPasswordBody = Type.Object({
  user_id: Type.Optional(nullable(Type.String({ maxLength: 100 }))),
  army_number: Type.Optional(nullable(armyNumber)),
  new_password: password,
});

const dbTexts = { name: text(), short_code: text(), description: text(undefined, longest.remark) };
export const CreateDbBody = Type.Object(dbTexts);
export const UpdateDbBody = Type.Partial(Type.Object(dbTexts));

const Bank = Type.Object({ name: text(), sort_code: text() });
const recordTexts = {
  first_name: text(),
  last_name: text(),
  army_number: armyNumber,
  phone_number: text(),
  rank: text(),
  bank: Bank,
  acct_number: text(),
  sub_sector: text(),
};
const mayBeNull = {
  middle_name: Type.Optional(nullable(text())),
  location: Type.Optional(nullable(text())),
  remark: Type.Optional(nullable(text(undefined, longest.remark))),
};
const dbId = Type.String({ maxLength: 100, description: 'The id of a db' });
export const CreateRecordBody = Type.Object({ ...recordTexts, ...mayBeNull, db_id: dbId });
export const UpdateRecordBody = Type.Object({
  ...Type.Partial(Type.Object({ ...recordTexts, db_id: dbId })).properties,
  ...mayBeNull,
  status: Type.Optional(oneOf(statuses)),
  effective_date: Type.Optional(
    Type.String({ maxLength: 100, description: `From when on status and db_id count: ${businessDay}` }),
  ),
  isDeleted: anything(
    'false restores a deleted record, for administrators; anything else counts for nothing',
  ),
});
export const BulkBody = Type.Object({ personnels_id: anything('A list of ids, at most 1,000') });

const created = closed({ id: Type.String() });
const Meta = closed({
  total: Type.Integer(),
  page: Type.Integer({ description: 'As asked for, also past the end' }),
  limit: Type.Integer(),
  pageCount: Type.Integer({ minimum: 1 }),
  hasNextPage: Type.Boolean(),
  hasPrevPage: Type.Boolean(),
});
const pageOf = (item: TSchema) => answerOf(closed({ data: Type.Array(item), meta: Meta }));

const DbView = closed({
  id: Type.String(),
  name: Type.String(),
  short_code: Type.String(),
  description: Type.String(),
  created_at: when,
});
const UserView = closed({
  id: Type.String(),
  first_name: Type.String(),
  last_name: Type.String(),
  army_number: Type.String(),
  role: oneOf(roles),
  allowed_dbs: Type.Array(DbView),
  access_all_db: Type.Boolean(),
  is_generated: Type.Boolean(),
  created_at: when,
});
const recordView = {
  id: Type.String(),
  first_name: Type.String(),
  last_name: Type.String(),
  middle_name: nullable(Type.String()),
  army_number: Type.String(),
  phone_number: Type.String(),
  rank: Type.String(),
  bank: closed({ name: Type.String(), sort_code: Type.String() }),
  acct_number: Type.String(),
  sub_sector: Type.String(),
  location: nullable(Type.String()),
  remark: nullable(Type.String()),
  status: oneOf(statuses),
  db_id: Type.String(),
  created_at: when,
  isDeleted: Type.Boolean(),
};
const RecordView = closed(recordView);

export const Bare = BareSchema;
export const Done = answerOf(NothingSchema);
export const Created = answerOf(created);
export const LoginAnswer = answerOf(closed({ token: Type.String(), user: UserView }));
export const UserAnswer = answerOf(UserView);
export const UsersAnswer = pageOf(UserView);
export const DbAnswer = answerOf(DbView);
export const DbsAnswer = pageOf(DbView);
export const RecordAnswer = answerOf(RecordView);
export const RecordsAnswer = answerOf(Type.Array(RecordView));
export const RecordPageAnswer = pageOf(RecordView);
export const DeletedAnswer = pageOf(closed({ ...recordView, deleted_at: when }));

const dayText = Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$' });
export const HistoryAnswer = answerOf(
  Type.Array(
    closed({
      effective_date: dayText,
      status: oneOf(statuses),
      db_id: nullable(Type.String({ description: 'null: of a db that the caller does not see' })),
      kind: Type.String({ description: 'created, imported, status, moved, deleted, restored' }),
      recorded_at: when,
      by: closed({ id: Type.String(), name: Type.String() }),
    }),
  ),
);

const MonthlyFigure = closed({
  total: Type.Integer(),
  percentage_increase: Type.Number(),
  current: Type.Integer({ description: 'This calendar month to date, in the business time zone' }),
  previous: Type.Integer({ description: 'The whole calendar month before' }),
  change: Type.Integer(),
  percentage_change: nullable(Type.Number({ description: 'null where there were none in the month before' })),
});
const named = <K extends string, S extends TSchema>(names: readonly K[], schema: S) =>
  closed(Object.fromEntries(names.map((name) => [name, schema])) as Record<K, S>);
export const dashboardFigures = [
  'users',
  'personnel',
  'deleted_personnel',
  'new_personnel',
  'databases',
] as const;
export const DashboardAnswer = answerOf(named(dashboardFigures, MonthlyFigure));
export const dbFigures = [
  'total_personnel',
  ...statuses.map((status) => `total_${status}_personnel` as const),
  'total_deleted_personnel',
] as const;
export const DbFiguresAnswer = answerOf(named(dbFigures, MonthlyFigure));

const Figure = closed({ total: Type.Integer(), ids: Type.Optional(Type.Array(Type.String())) });
const Headcount = named(kinds, Figure);
const Movements = named(kinds, closed({ start: Figure, in: Figure, out: Figure, end: Figure }));
const byDb = (figures: TSchema) => ({
  all: figures,
  dbs: Type.Array(closed({ db_id: Type.String(), figures })),
});
export const HeadcountAnswer = answerOf(closed({ as_of: dayText, ...byDb(Headcount) }));
export const MovementsAnswer = answerOf(closed({ from: dayText, to: dayText, ...byDb(Movements) }));
export const BulkRestored = answerOf(
  closed({
    restored: Type.Integer(),
    failed: Type.Array(closed({ id: Type.String(), error: Type.String() }), {
      description: 'Those whose army number somebody else has now',
    }),
  }),
);
