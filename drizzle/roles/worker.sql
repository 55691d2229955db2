-- The Worker's role: what its statements need, and no more. Run it as the role that migrates, once the auth server has
-- its tables and before the first migration; a second run changes nothing.
-- By SQL, because a role that Neon's console or API makes is a member of neon_superuser and may read and write all.
do $$
begin
  if not exists (select from pg_roles where rolname = 'worker') then
    -- Neon refuses a role without a password. This one nobody knows: `alter role worker password '…'` sets yours.
    execute format('create role worker login password %L', gen_random_uuid()::text || gen_random_uuid());
  end if;
end $$;
grant usage on schema public to worker;

-- Of the auth server's tables, the columns that say whose session is alive: no address, no name, no password.
grant select (id) on users to worker;
grant select (user_id, token_hash, expires_at, revoked) on user_sessions to worker;

-- The history of migrations is made before the grants below, so that none of them is for it.
create table if not exists tasks_migrations (
  name text primary key, hash text not null, applied_at timestamptz not null default now()
);

-- What this role's migrations make from now on, in the same transaction that makes it; so the auth server's tables
-- must be made by another role, or `revoke all on … from worker` after each that is new.
alter default privileges in schema public grant select, insert, update, delete on tables to worker;
alter default privileges in schema public grant usage on sequences to worker;

-- And what was there already, where this file comes late.
do $$
declare own text;
begin
  foreach own in array array['tasks', 'idempotency_keys'] loop
    if to_regclass(own) is not null then
      execute format('grant select, insert, update, delete on %I to worker', own);
    end if;
  end loop;
  if to_regclass('tasks_id_seq') is not null then
    grant usage on sequence tasks_id_seq to worker;
  end if;
end $$;
