-- Times are stamps of a fixed width (ledger.Stamp): exact to the nanosecond, and
-- they sort as text does in the collation "C". Records are json and not jsonb, which
-- keeps every byte as it was written.

CREATE TABLE decisions (
    digest text COLLATE "C" PRIMARY KEY,
    format integer NOT NULL,
    state  text NOT NULL,
    due    text COLLATE "C",
    expire text COLLATE "C",
    record json NOT NULL
);
CREATE INDEX decisions_due ON decisions (due, digest) WHERE due IS NOT NULL;
CREATE INDEX decisions_expire ON decisions (expire) WHERE expire IS NOT NULL;

CREATE TABLE instances (
    project text COLLATE "C",
    id      text COLLATE "C",
    record  json NOT NULL,
    PRIMARY KEY (project, id)
);

-- Where each audit trail ends.
CREATE TABLE heads (
    project  text COLLATE "C",
    instance text COLLATE "C",
    seq      bigint NOT NULL,
    hash     text NOT NULL,
    PRIMARY KEY (project, instance)
);

CREATE TABLE audit (
    project  text COLLATE "C",
    instance text COLLATE "C",
    seq      bigint,
    record   json NOT NULL,
    PRIMARY KEY (project, instance, seq)
);

CREATE TABLE jobs (
    project text COLLATE "C",
    job     text COLLATE "C",
    owner   json NOT NULL,
    PRIMARY KEY (project, job)
);

-- Named by ledger.UseKey.
CREATE TABLE uses (
    name   text COLLATE "C" PRIMARY KEY,
    record json NOT NULL
);

CREATE TABLE arrivals (
    digest text COLLATE "C" PRIMARY KEY,
    at     text COLLATE "C" NOT NULL,
    expire text COLLATE "C" NOT NULL,
    record json NOT NULL
);
CREATE INDEX arrivals_at ON arrivals (at, digest);

-- Has its row while an operator's halt stands.
CREATE TABLE halt (
    halted boolean PRIMARY KEY CHECK (halted)
);
