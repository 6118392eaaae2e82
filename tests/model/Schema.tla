------------------------------- MODULE Schema -------------------------------
(* Schema changes are commits of their own: commit protocol, rule 13.

   Process 1 runs the old configuration and process 2 the new one; each wants column b with its own
   type. Open: a rolling deployment whose two configurations undo each other's changes for ever. *)
EXTENDS Naturals, Sequences, TLC

CONSTANTS
  Procs, N,
  Want,         \* Want[p]: the type that p gives column b: "none" (it drops it) | "int" | "str"
  SchemaCheck,  \* "fenced": only while the epoch's position is the stored one | "idempotent": always (planted)
  Idem          \* "type": same name and type is enough | "name": the name is enough (planted)

VARIABLES t, ps, net, bad
vars == <<t, ps, net, bad>>

Idle == [st |-> "idle", pos |-> 0, end |-> 0, sch |-> "none"]

Init ==
  /\ t = [ver |-> 0, pos |-> 0, b |-> "none", rows |-> <<>>]
  /\ ps = [p \in Procs |-> Idle] /\ net = {} /\ bad = FALSE

SetP(p, r) == ps' = [ps EXCEPT ![p] = r]

Take(p) ==
  ps[p].st = "idle" /\ t.pos < N /\ SetP(p, [Idle EXCEPT !.st = "own", !.pos = t.pos]) /\ UNCHANGED <<t, net, bad>>

Fits(p) == IF Idem = "name" THEN (t.b = "none") = (Want[p] = "none") ELSE t.b = Want[p]

\* On a fresh snapshot, before any file is written with the new schema.
Evolve(p) ==
  /\ ps[p].st = "own"
  /\ IF Fits(p) THEN SetP(p, [ps[p] EXCEPT !.st = "write"]) /\ net' = net
     ELSE IF SchemaCheck = "fenced" /\ t.pos # ps[p].pos THEN SetP(p, Idle) /\ net' = net
     ELSE /\ net' = net \cup {[k |-> "schema", p |-> p, ver |-> t.ver + 1, b |-> Want[p], beg |-> ps[p].pos, end |-> 0]}
          /\ UNCHANGED ps
  /\ UNCHANGED <<t, bad>>

Write(p) ==
  /\ ps[p].st = "write"
  /\ SetP(p, [ps[p] EXCEPT !.st = "staged", !.end = ps[p].pos + 1, !.sch = Want[p]])
  /\ UNCHANGED <<t, net, bad>>

\* Whether the files still fit the schema of the snapshot that the commit builds on.
Superset(p) == ps[p].sch = t.b \/ ps[p].sch = "none"

Commit(p) ==
  /\ ps[p].st = "staged"
  /\ IF t.pos # ps[p].pos THEN SetP(p, Idle) /\ net' = net
     ELSE IF ~Superset(p) THEN SetP(p, [ps[p] EXCEPT !.st = "own"]) /\ net' = net      \* replayed
     ELSE /\ net' = net \cup {[k |-> "data", p |-> p, ver |-> t.ver + 1, b |-> ps[p].sch, beg |-> ps[p].pos, end |-> ps[p].end]}
          /\ UNCHANGED ps
  /\ UNCHANGED <<t, bad>>

Crash(p) == ps[p] # Idle /\ SetP(p, Idle) /\ UNCHANGED <<t, net, bad>>

\* `bad` remembers a schema change by somebody who no longer owned the partition.
Land(m) ==
  /\ m.ver = t.ver + 1 /\ net' = {x \in net : x.ver > t.ver + 1}
  /\ IF m.k = "data"
     THEN t' = [t EXCEPT !.ver = @ + 1, !.pos = m.end, !.rows = Append(@, <<m.end, m.b>>)] /\ bad' = bad
     ELSE t' = [t EXCEPT !.ver = @ + 1, !.b = m.b] /\ bad' = (bad \/ m.beg # t.pos)
  /\ UNCHANGED ps

Step(p) == Take(p) \/ Evolve(p) \/ Write(p) \/ Commit(p)
Next == (\E p \in Procs : Step(p) \/ Crash(p)) \/ \E m \in net : Land(m)

\* Liveness: fair to process 2 alone; process 1 may stop anywhere, for ever, and alone crashes.
NextLive == (\E p \in Procs : Step(p) \/ (p = 1 /\ Crash(p))) \/ \E m \in net : Land(m)
Spec == Init /\ [][NextLive]_vars /\ WF_vars(Step(2)) /\ WF_vars(\E m \in net : Land(m))

Bound == t.ver < 9
Exact == t.rows = <<>> \/ \A i \in DOMAIN t.rows : t.rows[i][1] = i
NoZombieSchema == ~bad
\* A file's type of b is the table's type when the file is added.
Typed == [][Len(t'.rows) > Len(t.rows) => LET f == t'.rows[Len(t'.rows)][2] IN f = "none" \/ f = t.b]_vars
Progress == <>(t.pos = N)

DropThenAdd    == [p \in {1, 2} |-> IF p = 1 THEN "none" ELSE "int"]
IntThenString  == [p \in {1, 2} |-> IF p = 1 THEN "int" ELSE "str"]
=============================================================================
