------------------------------ MODULE Intents ------------------------------
(* One epoch, several atomic units: commit protocol, rule 2.

   The home is a ledger, or table A. Any process may take any partition, crash or stall at any time;
   a request in `net` may land at any later time or never. Only the number of epochs is bounded. *)
EXTENDS Naturals, Sequences, FiniteSets, TLC

CONSTANTS
  Procs, Parts, N, MaxCid,
  EpochParts, \* the sets of partitions that an epoch may have
  HomeUnit,   \* "ledger" | "A"
  Route(_,_), \* Route(part, row): the units that get this row
  Record,     \* what a unit keeps: "end": per partition, the end of the last intent applied
              \* | "set": all commit ids, for ever
              \* | "last_cid" | "cid_per_part" | "max_seq" (all planted)
  UnitKind,   \* "cas": checked on the snapshot that the application builds on | "tx": in the transaction
              \* | "blind": a library moves it to another version unchecked (planted)
  Waits,      \* what waits for a partition's last intent: "commit": every next commit
              \* | "intent": only one with an intent | "none"
  FindBy,     \* "cid": the intent of the stored commit id | "all": every entry of the ledger, oldest first
  Early       \* TRUE: units are applied before the home answered (planted)

VARIABLES home, intents, unit, ps, net, ncid
vars == <<home, intents, unit, ps, net, ncid>>

Units == {"A", "B"}
Others == Units \ {HomeUnit}
Rows(u, part, b, e) == SelectSeq([i \in 1..(e - b) |-> b + i], LAMBDA r : u \in Route(part, r))
UnitsOf(i) == {u \in Others : \E part \in i.parts : Rows(u, part, i.beg[part], i.end[part]) # <<>>}
Zero == [x \in Parts |-> 0]
NoSnapshot == <<0, "", 0>>
Idle == [st |-> "idle", parts |-> {}, beg |-> Zero, end |-> Zero, cid |-> 0, todo |-> {}, snap |-> NoSnapshot]
NoRecord == CASE Record \in {"last_cid", "max_seq"} -> 0 [] Record = "set" -> {} [] OTHER -> Zero

Init ==
  /\ home = [ver |-> 0, pos |-> Zero, cid |-> Zero]
  /\ intents = <<>>      \* commit id -> what was committed, for committed epochs
  /\ unit = [u \in Units |-> [ver |-> 0, rec |-> NoRecord, rows |-> [x \in Parts |-> <<>>]]]
  /\ ps = [p \in Procs |-> Idle] /\ net = {} /\ ncid = 0

Applied(i, rec) ==
  CASE Record = "last_cid"     -> rec = i.cid
    [] Record = "cid_per_part" -> \A x \in i.parts : rec[x] = i.cid
    [] Record = "set"          -> i.cid \in rec
    [] Record = "end"          -> \E x \in i.parts : rec[x] >= i.end[x]
    [] Record = "max_seq"      -> rec >= i.seq
Recorded(i, rec) ==
  CASE Record = "last_cid"     -> i.cid
    [] Record = "cid_per_part" -> [x \in Parts |-> IF x \in i.parts THEN i.cid ELSE rec[x]]
    [] Record = "set"          -> rec \cup {i.cid}
    [] Record = "end"          -> [x \in Parts |-> IF x \in i.parts THEN i.end[x] ELSE rec[x]]
    [] Record = "max_seq"      -> i.seq

Find(S) ==
  IF FindBy = "cid" THEN {home.cid[x] : x \in S} \ {0}
  ELSE {c \in DOMAIN intents : intents[c].parts \cap S # {}}

SetP(p, r) == ps' = [ps EXCEPT ![p] = r]
\* Requests that can no longer take effect are not told apart.
Purge(nt, homeVersion, un) ==
  {m \in nt : IF m.t = "home" THEN m.ver > homeVersion ELSE UnitKind # "cas" \/ m.ver > un[m.u].ver}

\* ---- a process ----

Take(p, S) ==
  /\ ps[p].st = "idle"
  /\ SetP(p, [Idle EXCEPT !.st = "forward", !.parts = S,
                          !.beg = [x \in Parts |-> IF x \in S THEN home.pos[x] ELSE 0],
                          !.todo = UNION {{<<c, u>> : u \in UnitsOf(intents[c])} : c \in Find(S)}])
  /\ UNCHANGED <<home, intents, unit, net, ncid>>

\* Look at a unit: applied, or remember the snapshot that the application builds on; oldest intent first.
Look(p) ==
  /\ ps[p].st = "forward" /\ ps[p].snap = NoSnapshot
  /\ \E t \in ps[p].todo :
       /\ \A t2 \in ps[p].todo : t2[2] = t[2] => intents[t[1]].seq <= intents[t2[1]].seq
       /\ IF Applied(intents[t[1]], unit[t[2]].rec)
          THEN SetP(p, [ps[p] EXCEPT !.todo = @ \ {t}])
          ELSE SetP(p, [ps[p] EXCEPT !.snap = <<t[1], t[2], unit[t[2]].ver + 1>>])
  /\ UNCHANGED <<home, intents, unit, net, ncid>>

Apply(p) ==
  /\ ps[p].snap # NoSnapshot
  /\ LET m == [t |-> "apply", i |-> intents[ps[p].snap[1]], u |-> ps[p].snap[2], ver |-> ps[p].snap[3]]
     IN net' = Purge(net \cup {m}, home.ver, unit)
  /\ SetP(p, [ps[p] EXCEPT !.snap = NoSnapshot])
  /\ UNCHANGED <<home, intents, unit, ncid>>

Stage(p) ==
  /\ ps[p].st = "forward" /\ ps[p].snap = NoSnapshot /\ ncid < MaxCid
  /\ \E e \in [Parts -> 0..N] :
       /\ \A x \in Parts :
            IF x \in ps[p].parts THEN e[x] > ps[p].beg[x] /\ e[x] <= ps[p].beg[x] + 2 ELSE e[x] = 0
       /\ LET i == [cid |-> ncid + 1, parts |-> ps[p].parts, beg |-> ps[p].beg, end |-> e, seq |-> 0]
          IN ps[p].todo = {} \/ Waits = "none" \/ (Waits = "intent" /\ UnitsOf(i) = {})
       /\ SetP(p, [ps[p] EXCEPT !.st = "staged", !.end = e, !.cid = ncid + 1, !.todo = {}])
  /\ ncid' = ncid + 1
  /\ UNCHANGED <<home, intents, unit, net>>

Epoch(p) == [cid |-> ps[p].cid, parts |-> ps[p].parts, beg |-> ps[p].beg, end |-> ps[p].end, seq |-> 0]
Unchanged(p) == \A x \in ps[p].parts : home.pos[x] = ps[p].beg[x]

Send(p) ==
  /\ ps[p].st = "staged"
  /\ IF Unchanged(p)
     THEN /\ net' = net \cup {[t |-> "home", i |-> Epoch(p), u |-> "", ver |-> home.ver + 1]}
          /\ SetP(p, [ps[p] EXCEPT !.st = "sent"])
     ELSE SetP(p, Idle) /\ net' = net
  /\ UNCHANGED <<home, intents, unit, ncid>>

\* Unchanged: once more. Done or lost: look at the home afresh.
ReadBack(p) ==
  /\ ps[p].st = "sent"
  /\ SetP(p, IF Unchanged(p) THEN [ps[p] EXCEPT !.st = "staged"] ELSE Idle)
  /\ UNCHANGED <<home, intents, unit, net, ncid>>

EarlyApply(p) ==
  /\ Early /\ ps[p].st = "sent"
  /\ \E u \in UnitsOf(Epoch(p)) :
       /\ ~Applied(Epoch(p), unit[u].rec)
       /\ net' = net \cup {[t |-> "apply", i |-> Epoch(p), u |-> u, ver |-> unit[u].ver + 1]}
  /\ UNCHANGED <<home, intents, unit, ps, ncid>>

Crash(p) == ps[p].st # "idle" /\ SetP(p, Idle) /\ UNCHANGED <<home, intents, unit, net, ncid>>

\* ---- requests land ----

WithIntent(u, i) ==
  [unit[u] EXCEPT
     !.ver = @ + 1, !.rec = Recorded(i, @),
     !.rows = [x \in Parts |-> IF x \in i.parts THEN unit[u].rows[x] \o Rows(u, x, i.beg[x], i.end[x])
                                                ELSE unit[u].rows[x]]]

LandHome(m) ==
  /\ m.t = "home" /\ m.ver = home.ver + 1
  /\ LET i == [m.i EXCEPT !.seq = home.ver + 1]
     IN /\ home' = [ver |-> home.ver + 1,
                    pos |-> [x \in Parts |-> IF x \in i.parts THEN i.end[x] ELSE home.pos[x]],
                    cid |-> [x \in Parts |-> IF x \in i.parts THEN i.cid ELSE home.cid[x]]]
        /\ intents' = (i.cid :> i) @@ intents
        /\ unit' = IF HomeUnit = "A" THEN [unit EXCEPT !["A"] = WithIntent("A", i)] ELSE unit
        /\ net' = Purge(net \ {m}, home.ver + 1, unit)
  /\ UNCHANGED <<ps, ncid>>

LandApply(m) ==
  /\ m.t = "apply"
  /\ CASE UnitKind = "blind" -> TRUE
       [] UnitKind = "cas" -> m.ver = unit[m.u].ver + 1
       [] UnitKind = "tx" -> ~Applied(m.i, unit[m.u].rec)
  /\ unit' = [unit EXCEPT ![m.u] = WithIntent(m.u, m.i)]
  /\ net' = Purge(net \ {m}, home.ver, unit')
  /\ UNCHANGED <<home, intents, ps, ncid>>

Step(p) == (\E S \in EpochParts : Take(p, S)) \/ Look(p) \/ Apply(p) \/ Stage(p) \/ Send(p) \/ ReadBack(p) \/ EarlyApply(p)
Next == (\E p \in Procs : Step(p) \/ Crash(p)) \/ (\E m \in net : LandHome(m) \/ LandApply(m))

\* ---- what must hold ----

Want(u, x) == Rows(u, x, 0, N)
\* Each unit has its rows once, in order, from the first on; none beyond the home's position.
UnitExact ==
  \A u \in Units, x \in Parts :
    LET r == unit[u].rows[x] IN Len(r) <= Len(Want(u, x)) /\ r = SubSeq(Want(u, x), 1, Len(r))
NoGhost == \A u \in Units, x \in Parts : \A j \in 1..Len(unit[u].rows[x]) : unit[u].rows[x][j] <= home.pos[x]
\* Every committed row of a unit is in it, or in an intent that the next owner finds and takes for unapplied.
Recoverable ==
  \A u \in Others, x \in Parts : \A r \in 1..home.pos[x] :
    u \in Route(x, r) =>
      \/ \E j \in 1..Len(unit[u].rows[x]) : unit[u].rows[x][j] = r
      \/ \E c \in Find({x}) : /\ intents[c].beg[x] < r /\ r <= intents[c].end[x]
                              /\ ~Applied(intents[c], unit[u].rec)

\* Liveness: once no new epoch can begin and nobody crashes any more, every committed row gets into its units.
Rest(p) ==
  /\ ps[p].st = "forward" /\ ps[p].todo = {} /\ ps[p].snap = NoSnapshot
  /\ SetP(p, Idle)
  /\ UNCHANGED <<home, intents, unit, net, ncid>>
NextLive ==
  \/ \E p \in Procs : Step(p) \/ Rest(p) \/ (ncid < MaxCid /\ Crash(p))
  \/ \E m \in net : LandHome(m) \/ LandApply(m)
Spec ==
  Init /\ [][NextLive]_vars /\ \A p \in Procs : WF_vars(Step(p) \/ Rest(p)) /\ WF_vars(\E m \in net : LandApply(m))
AllIn ==
  \A u \in Others, x \in Parts : \A r \in 1..home.pos[x] :
    u \in Route(x, r) => \E j \in 1..Len(unit[u].rows[x]) : unit[u].rows[x][j] = r
Recovers == (ncid = MaxCid) ~> AllIn

\* ---- for the checker ----

FromUnit(u, v) == IF UnitKind = "cas" THEN v - unit[u].ver ELSE 0
View ==
  << home.pos, home.cid, intents, [u \in Units |-> [unit[u] EXCEPT !.ver = 0]],
     [p \in Procs |->
        IF ps[p].snap = NoSnapshot \/ UnitKind # "cas" THEN ps[p]
        ELSE [ps[p] EXCEPT !.snap = <<@[1], @[2], IF @[3] = unit[@[2]].ver + 1 THEN 1 ELSE 0>>]],
     {IF m.t = "home" THEN <<m.i, "", 0>> ELSE <<m.i, m.u, FromUnit(m.u, m.ver)>> : m \in net}, ncid >>

EveryRowToBoth(x, r) == {"A", "B"}
SecondRowToAOnly(x, r) == IF r = 2 THEN {"A"} ELSE {"A", "B"}
OnePart       == {{1}}
EachAlone     == {{1}, {2}}
AloneOrJoint  == {{1}, {2}, {1, 2}}
ThreeParts    == {{1}, {2}, {3}, {1, 2}, {2, 3}}
=============================================================================
