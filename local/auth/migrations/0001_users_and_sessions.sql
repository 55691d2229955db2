-- The auth server's tables. The task API reads two of them and migrates none.
create table users (
  id uuid primary key default gen_random_uuid(),
  email text not null unique,
  name text not null,
  email_verified boolean not null default false,
  image text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table user_sessions (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references users (id) on delete cascade,
  -- Makes a raw token impossible to store, whatever an upgrade of the auth server does.
  token_hash varchar(255) not null unique check (token_hash ~ '^[0-9a-f]{64}$'),
  refresh_token_hash varchar(255),
  expires_at timestamptz not null,
  revoked boolean not null default false,
  ip_address text,
  user_agent text,
  created_at timestamptz not null default now(),
  last_activity_at timestamptz not null default now()
);

create index user_sessions_user_id on user_sessions (user_id);
