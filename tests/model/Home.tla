-------------------------------- MODULE Home --------------------------------
(* One home and one source partition: commit protocol, rules 3, 4, 6 and 7.

   Rows are numbered 1..N, and position i means "rows 1..i are in". Any process may act at any time,
   since a partition may be assigned to anybody at any time and a stalled process is one that is not
   scheduled. A request in `net` may land at any later time, or never.

   Not here: several partitions (Join), several units (Intents). *)
EXTENDS Naturals, Sequences, FiniteSets, TLC

CONSTANTS
  N,            \* number of rows
  Procs,        \* the processes
  Sizes,        \* Sizes[p]: how many rows an epoch of p may have
  K,            \* how many disturbances: crash, timeout, loss, duplicate, foreign commit, forgetting at will
  Kind,         \* "log": put-if-absent of version base + 1 | "db": the check runs in the transaction
  Check,        \* "eq": the stored position equals our begin | "ge": it is not beyond our end (planted)
  Rebase,       \* TRUE: a client library moves a refused commit to a newer version unchecked (planted)
  ReadBack,     \* after an unknown outcome: "yes" | "assume_failed" | "assume_done" (both planted)
  DelAttempted, \* TRUE: a lost epoch that was attempted deletes its files ...
  DelWhen,      \* ... "any" time | "readback": once read back as lost (both planted)
                \* | "passed": once the stored position has left its begin and the history lacks its id
  Vacuum,       \* TRUE: somebody removes files that no version references (planted)
  Ties          \* TRUE: two rows share one position value (planted)

VARIABLES
  home,   \* version, position, commit id that set it, rows, all commit ids
  net,    \* requests under way
  ps,     \* the processes
  ncid,   \* commit ids given out
  k,      \* disturbances left
  gone,   \* commit ids whose files were deleted
  acked   \* what the source was told is durable

vars == <<home, net, ps, ncid, k, gone, acked>>

Value(i) == IF Ties THEN (i + 1) \div 2 ELSE i      \* the stored value of position i
ResumeAt(v) == IF Ties THEN 2 * v ELSE v            \* where a reader of value v goes on
Idle == [st |-> "idle", beg |-> 0, end |-> 0, cid |-> 0, ver |-> 0, reply |-> "none"]

Init ==
  /\ home = [ver |-> 0, pos |-> 0, cid |-> 0, rows |-> <<>>, cids |-> {}]
  /\ net = {} /\ ncid = 0 /\ k = K /\ gone = {} /\ acked = 0
  /\ ps = [p \in Procs |-> Idle]

Admits(stored, beg, end) == IF Check = "eq" THEN stored = Value(beg) ELSE Value(end) >= stored
SetP(p, r) == ps' = [ps EXCEPT ![p] = r]
Spend == k > 0 /\ k' = k - 1

\* ---- an epoch, step by step ----

ReadPosition(p) ==
  /\ ps[p].st = "idle" /\ home.pos < Value(N)
  /\ LET b == ResumeAt(home.pos)
     IN SetP(p, [Idle EXCEPT !.st = "ready", !.beg = IF b > N THEN N ELSE b])
  /\ UNCHANGED <<home, net, ncid, k, gone, acked>>

\* Read a batch, write it, stage it; a fresh commit id names the files.
Stage(p) ==
  /\ ps[p].st = "ready" /\ ps[p].beg < N
  /\ \E s \in Sizes[p] :
       LET e == IF ps[p].beg + s > N THEN N ELSE ps[p].beg + s
       IN SetP(p, [ps[p] EXCEPT !.st = "staged", !.end = e, !.cid = ncid + 1, !.reply = "none"])
  /\ ncid' = ncid + 1
  /\ UNCHANGED <<home, net, k, gone, acked>>

\* Rule 6: before the attempt the files go and the batches stay.
Forget(p) ==
  /\ ps[p].st = "staged" /\ Spend
  /\ ps[p].cid \notin {m.cid : m \in net} /\ ps[p].ver = 0
  /\ gone' = gone \cup {ps[p].cid}
  /\ SetP(p, [ps[p] EXCEPT !.st = "ready", !.cid = 0])
  /\ UNCHANGED <<home, net, ncid, acked>>

Done(p) ==
  /\ SetP(p, [Idle EXCEPT !.st = IF ps[p].end = N THEN "idle" ELSE "ready", !.beg = ps[p].end])
  /\ acked' = IF ps[p].end > acked THEN ps[p].end ELSE acked

MayDelete(p) ==
  CASE DelWhen = "any" -> TRUE
    [] DelWhen = "readback" -> home.pos # Value(ps[p].beg) /\ home.cid # ps[p].cid
    [] DelWhen = "passed" -> home.pos # Value(ps[p].beg) /\ ps[p].cid \notin home.cids

Lost(p) ==
  /\ SetP(p, Idle)
  /\ gone' = IF DelAttempted /\ MayDelete(p) THEN gone \cup {ps[p].cid} ELSE gone

\* Rule 4: the check on the very snapshot that the commit builds on.
Snapshot(p) ==
  /\ ps[p].st = "staged"
  /\ IF Kind = "db" \/ Admits(home.pos, ps[p].beg, ps[p].end)
     THEN /\ SetP(p, [ps[p] EXCEPT !.st = "snapped", !.ver = home.ver + 1, !.reply = "none"])
          /\ UNCHANGED <<acked, gone>>
     ELSE IF home.cid = ps[p].cid THEN Done(p) /\ UNCHANGED gone
     ELSE Lost(p) /\ UNCHANGED acked
  /\ UNCHANGED <<home, net, ncid, k>>

Send(p) ==
  /\ ps[p].st = "snapped"
  /\ SetP(p, [ps[p] EXCEPT !.st = "sent"])
  /\ net' = net \cup {[p |-> p, cid |-> ps[p].cid, beg |-> ps[p].beg, end |-> ps[p].end, ver |-> ps[p].ver]}
  /\ UNCHANGED <<home, ncid, k, gone, acked>>

TakesEffect(m) ==
  CASE Rebase -> TRUE
    [] Kind = "log" -> m.ver = home.ver + 1
    [] Kind = "db" -> Admits(home.pos, m.beg, m.end)

\* A request arrives. It may stay (a duplicate: the library meets its own success), and its reply may be lost.
Land(m) ==
  /\ \E dup \in BOOLEAN, lost \in BOOLEAN :
       /\ LET c == (IF dup THEN 1 ELSE 0) + (IF lost THEN 1 ELSE 0) IN c <= k /\ k' = k - c
       /\ net' = IF dup THEN net ELSE net \ {m}
       /\ ps' = IF ~lost /\ ps[m.p].st = "sent" /\ ps[m.p].cid = m.cid /\ ps[m.p].ver = m.ver
                THEN [ps EXCEPT ![m.p].reply = IF TakesEffect(m) THEN "ok" ELSE "conflict"]
                ELSE ps
  /\ home' = IF TakesEffect(m)
             THEN [ver |-> home.ver + 1, pos |-> Value(m.end), cid |-> m.cid, cids |-> home.cids \cup {m.cid},
                   rows |-> home.rows \o [i \in 1..(m.end - m.beg) |-> m.beg + i]]
             ELSE home
  /\ UNCHANGED <<ncid, gone, acked>>

Drop(m) == Spend /\ net' = net \ {m} /\ UNCHANGED <<home, ps, ncid, gone, acked>>

GotOk(p) == ps[p].st = "sent" /\ ps[p].reply = "ok" /\ Done(p) /\ UNCHANGED <<home, net, ncid, k, gone>>

\* No answer, or one that is not "ok". A timeout may overtake an "ok" that is on its way.
Unknown(p) ==
  /\ ps[p].st = "sent"
  /\ \/ ps[p].reply = "conflict" /\ k' = k
     \/ /\ ps[p].reply # "conflict"
        /\ IF \E m \in net : m.cid = ps[p].cid /\ m.ver = ps[p].ver THEN Spend ELSE k' = k
  /\ SetP(p, [ps[p] EXCEPT !.st = "unknown"])
  /\ UNCHANGED <<home, net, ncid, gone, acked>>

\* Rule 7: what became of it is read from the home.
Resolve(p) ==
  /\ ps[p].st = "unknown"
  /\ CASE ReadBack = "assume_done" -> Done(p) /\ UNCHANGED gone
       [] ReadBack = "assume_failed" -> Lost(p) /\ UNCHANGED acked
       [] ReadBack = "yes" /\ home.pos = Value(ps[p].beg) /\ home.cid # ps[p].cid
            -> SetP(p, [ps[p] EXCEPT !.st = "staged", !.reply = "none"]) /\ UNCHANGED <<gone, acked>>
       [] ReadBack = "yes" /\ home.cid = ps[p].cid /\ home.pos = Value(ps[p].end)
            -> Done(p) /\ UNCHANGED gone
       [] OTHER -> Lost(p) /\ UNCHANGED acked
  /\ UNCHANGED <<home, net, ncid, k>>

\* ---- disturbances ----

Revoke(p) ==
  ps[p].st \in {"sent", "unknown", "snapped"} /\ Spend /\ Lost(p) /\ UNCHANGED <<home, net, ncid, acked>>
Crash(p) == ps[p].st # "idle" /\ Spend /\ SetP(p, Idle) /\ UNCHANGED <<home, net, ncid, gone, acked>>
ForeignCommit ==
  Kind = "log" /\ Spend /\ home' = [home EXCEPT !.ver = @ + 1] /\ UNCHANGED <<net, ps, ncid, gone, acked>>
VacuumFiles ==
  /\ Vacuum /\ Spend /\ gone' = gone \cup ((1..ncid) \ home.cids) /\ gone' # gone
  /\ UNCHANGED <<home, net, ps, ncid, acked>>

ProcStep(p) ==
  ReadPosition(p) \/ Stage(p) \/ Snapshot(p) \/ Send(p) \/ GotOk(p) \/ Unknown(p) \/ Resolve(p)
Next ==
  \/ \E p \in Procs : ProcStep(p) \/ Forget(p) \/ Revoke(p) \/ Crash(p)
  \/ \E m \in net : Land(m) \/ Drop(m)
  \/ ForeignCommit \/ VacuumFiles
  \/ (home.pos = Value(N) /\ UNCHANGED vars)
Spec == Init /\ [][Next]_vars /\ \A p \in Procs : WF_vars(ProcStep(p)) /\ WF_vars(\E m \in net : Land(m))

\* ---- what must hold ----

Exact    == home.rows = [i \in 1..Len(home.rows) |-> i]     \* none twice, none left out, in order
Prefix   == ~Ties => Len(home.rows) = home.pos
Files    == home.cids \cap gone = {}                        \* no version references a deleted file
Ack      == Value(acked) <= home.pos                        \* nothing is acknowledged that is not in
Progress == <>(home.pos = Value(N))

\* ---- for the checker ----

\* States are told apart without requests that can no longer land and that nobody waits for, and
\* without commit ids that nobody can use again.
Waited(m) == ps[m.p].st = "sent" /\ ps[m.p].cid = m.cid /\ ps[m.p].ver = m.ver
LiveNet ==
  {m \in net : \/ Waited(m) \/ Rebase
               \/ Kind = "log" /\ m.ver > home.ver
               \/ Kind = "db" /\ Admits(home.pos, m.beg, m.end)}
LiveCids == {m.cid : m \in LiveNet} \cup {ps[p].cid : p \in Procs}
Rank(S, c) == Cardinality({x \in S : x <= c})
R(c) == LET S == (LiveCids \cup {home.cid}) \ {0} IN IF c \in S THEN Rank(S, c) ELSE 0
FromHome(v) == IF v = 0 THEN 0 ELSE IF Kind = "log" THEN v + 10 - home.ver ELSE 1
View ==
  << [pos |-> home.pos, cid |-> R(home.cid), rows |-> home.rows],
     {[m EXCEPT !.cid = R(m.cid), !.ver = IF Kind = "log" THEN FromHome(m.ver) ELSE 0] : m \in LiveNet},
     [p \in Procs |-> [ps[p] EXCEPT !.cid = R(ps[p].cid), !.ver = FromHome(ps[p].ver)]],
     k, {R(c) : c \in gone \cap LiveCids}, home.cids \cap gone # {}, {R(c) : c \in home.cids \cap LiveCids},
     acked >>

SizesOfTwo   == [p \in {1, 2} |-> IF p = 1 THEN {1, 2} ELSE {3}]
SizesOfThree == [p \in {1, 2, 3} |-> IF p = 1 THEN {1, 2} ELSE IF p = 2 THEN {3} ELSE {1, 4}]
=============================================================================
