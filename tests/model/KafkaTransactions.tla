------------------------- MODULE KafkaTransactions -------------------------
(* Kafka on another cluster than the source's: commit protocol, table "Stage, per connector".

   transactional.id 1 belongs to our source partition, and all processes fight for it; id 2 belongs to
   another source partition of the pipeline, alive and well, that writes to the same positions topic.
   One log stands for the positions topic; each record carries the rows that its transaction wrote. *)
EXTENDS Naturals, Sequences, FiniteSets, TLC

CONSTANTS
  Procs, N, MaxEpoch, MaxLog,
  Order,   \* "init_first" | "read_first" (planted)
  Read,    \* "hw": until the high watermark taken after init
           \* | "own": a positions partition per source partition, until the stable offset
           \* | "lso": a shared one, until the stable offset (planted)
  Verify   \* TRUE: the broker checks that the transaction is open before it appends (KIP-890, 3.6)

VARIABLES
  co,      \* the coordinator's state of id 1
  lead,    \* the producer epoch that the partition leader knows
  log, ps, net,
  others   \* number of the other's records
vars == <<co, lead, log, ps, net, others>>

Idle == [st |-> "idle", ep |-> 0, pos |-> 0, end |-> 0, hw |-> 0, inited |-> FALSE, read |-> FALSE]

Init ==
  /\ co = [ep |-> 0, st |-> "none"] /\ lead = 0 /\ log = <<>> /\ net = {} /\ others = 0
  /\ ps = [p \in Procs |-> Idle]

SetP(p, r) == ps' = [ps EXCEPT ![p] = r]

\* init_transactions: aborts an open transaction, waits for a prepared one, then raises the epoch.
InitTransactions(p) ==
  /\ ps[p].st = "idle" /\ ~ps[p].inited /\ (Order = "init_first" \/ ps[p].read) /\ co.ep < MaxEpoch
  /\ CASE co.st = "open" -> co' = [ep |-> co.ep + 1, st |-> "prepare_abort"] /\ UNCHANGED ps
       [] co.st = "none" ->
            /\ co' = [co EXCEPT !.ep = @ + 1]
            /\ SetP(p, [ps[p] EXCEPT !.inited = TRUE, !.ep = co.ep + 1, !.hw = Len(log),
                                     !.st = IF ps[p].read THEN "ready" ELSE "idle"])
       [] OTHER -> FALSE
  /\ UNCHANGED <<lead, log, net, others>>

Open(i) == log[i].st = "open" /\ (Read = "own" => log[i].id = 1)
StableOffset ==
  IF \E i \in DOMAIN log : Open(i)
  THEN (CHOOSE i \in DOMAIN log : Open(i) /\ \A j \in DOMAIN log : Open(j) => i <= j) - 1
  ELSE Len(log)
LastPosition(upto) ==
  LET S == {i \in 1..upto : log[i].id = 1 /\ log[i].st = "committed"}
  IN IF S = {} THEN 0 ELSE log[CHOOSE i \in S : \A j \in S : j <= i].end

ReadPosition(p) ==
  /\ ps[p].st = "idle" /\ ~ps[p].read /\ (Order = "read_first" \/ ps[p].inited)
  /\ (Read = "hw" => StableOffset >= ps[p].hw)
  /\ SetP(p, [ps[p] EXCEPT !.read = TRUE, !.pos = LastPosition(StableOffset),
                           !.st = IF ps[p].inited THEN "ready" ELSE "idle"])
  /\ UNCHANGED <<co, lead, log, net, others>>

\* AddPartitionsToTxn, then the produce request.
Begin(p) ==
  /\ ps[p].st = "ready" /\ ps[p].pos < N
  /\ IF co.ep = ps[p].ep /\ co.st \in {"none", "open"}
     THEN \E s \in 1..2 :
            /\ ps[p].pos + s <= N
            /\ co' = [co EXCEPT !.st = "open"]
            /\ net' = net \cup {[t |-> "produce", ep |-> ps[p].ep, beg |-> ps[p].pos, end |-> ps[p].pos + s, p |-> p]}
            /\ SetP(p, [ps[p] EXCEPT !.st = "produced", !.end = ps[p].pos + s])
     ELSE co.ep # ps[p].ep /\ SetP(p, Idle) /\ UNCHANGED <<co, net>>
  /\ UNCHANGED <<lead, log, others>>

\* The leader refuses epochs older than the newest that it has seen.
LandProduce(m) ==
  /\ m.t = "produce" /\ net' = net \ {m}
  /\ IF m.ep >= lead /\ (Verify => co.st = "open" /\ co.ep = m.ep)
     THEN /\ log' = Append(log, [id |-> 1, beg |-> m.beg, end |-> m.end, st |-> "open"]) /\ lead' = m.ep
          /\ ps' = IF ps[m.p].st = "produced" /\ ps[m.p].ep = m.ep THEN [ps EXCEPT ![m.p].st = "acked"] ELSE ps
     ELSE UNCHANGED <<log, lead, ps>>
  /\ UNCHANGED <<co, others>>

EndRequest(p) == [t |-> "end", ep |-> ps[p].ep, beg |-> 0, end |-> 0, p |-> p]
SendEnd(p) ==
  /\ ps[p].st = "acked" /\ net' = net \cup {EndRequest(p)}
  /\ SetP(p, [ps[p] EXCEPT !.st = "ending"])
  /\ UNCHANGED <<co, lead, log, others>>

LandEnd(m) ==
  /\ m.t = "end" /\ net' = net \ {m}
  /\ co' = IF m.ep = co.ep /\ co.st = "open" THEN [co EXCEPT !.st = "prepare_commit"] ELSE co
  /\ UNCHANGED <<lead, log, ps, others>>

Resolved(s) ==
  [i \in DOMAIN log |-> IF log[i].id = 1 /\ log[i].st = "open" THEN [log[i] EXCEPT !.st = s] ELSE log[i]]
Markers ==
  /\ co.st \in {"prepare_commit", "prepare_abort"}
  /\ co' = [co EXCEPT !.st = "none"] /\ lead' = IF co.ep > lead THEN co.ep ELSE lead
  /\ log' = Resolved(IF co.st = "prepare_commit" THEN "committed" ELSE "aborted")
  /\ UNCHANGED <<ps, net, others>>

\* Commit answered ok: the same producer goes on. Anything else: forget, init and read again.
GotOk(p) ==
  /\ ps[p].st = "ending" /\ co.ep = ps[p].ep /\ co.st = "none" /\ EndRequest(p) \notin net
  /\ SetP(p, [ps[p] EXCEPT !.st = "ready", !.pos = ps[p].end])
  /\ UNCHANGED <<co, lead, log, net, others>>
Fail(p) == ps[p] # Idle /\ SetP(p, Idle) /\ UNCHANGED <<co, lead, log, net, others>>

TransactionTimeout ==
  /\ co.st = "open" /\ co.ep < MaxEpoch /\ co' = [ep |-> co.ep + 1, st |-> "prepare_abort"]
  /\ UNCHANGED <<lead, log, ps, net, others>>

OtherProduces ==
  /\ others < 1 /\ others' = others + 1
  /\ log' = Append(log, [id |-> 2, beg |-> 0, end |-> 0, st |-> "open"])
  /\ UNCHANGED <<co, lead, ps, net>>
OtherCommits ==
  /\ \E i \in DOMAIN log : log[i].id = 2 /\ log[i].st = "open" /\ log' = [log EXCEPT ![i].st = "committed"]
  /\ UNCHANGED <<co, lead, ps, net, others>>

Next ==
  \/ \E p \in Procs : InitTransactions(p) \/ ReadPosition(p) \/ Begin(p) \/ SendEnd(p) \/ GotOk(p) \/ Fail(p)
  \/ \E m \in net : LandProduce(m) \/ LandEnd(m)
  \/ Markers \/ TransactionTimeout \/ OtherProduces \/ OtherCommits

Bound == Len(log) <= MaxLog
Committed == SelectSeq(log, LAMBDA r : r.id = 1 /\ r.st = "committed")
Exact == \A i \in DOMAIN Committed : Committed[i].beg = IF i = 1 THEN 0 ELSE Committed[i - 1].end
=============================================================================
