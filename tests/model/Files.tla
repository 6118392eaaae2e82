------------------------------- MODULE Files -------------------------------
(* Files with a ledger as their home: commit protocol, rules 2 and 7 and the row "files" of the table
   "Stage, per connector".

   To stage is to open an upload (or to write a uniquely named file). The home is a ledger of numbered
   objects, each created only if absent. Afterwards the upload is completed (the file renamed). One
   source partition; any process may act, stall and crash at any time; requests land late or never. *)
EXTENDS Naturals, Sequences, FiniteSets, TLC

CONSTANTS
  Procs, N, MaxCid,
  NameBy,     \* "cid": the final name holds the commit id | "first": the first position alone
  Complete,   \* "cond": refuses a name that exists | "atomic": overwrites it
              \* | "link": link, then unlink: staged and final exist side by side for a while (planted)
  When,       \* complete "after": what the ledger holds | "reread": only from a fresh read of it
              \* | "presumed": as soon as the ledger's create was sent (planted)
  AppliedBy,  \* done = the final name exists "headcid": with our commit id | "head": whatever it holds
  Cleanup,    \* leftover uploads: "none" | "passed": the stored position has left their begin
              \* | "claim": or a claim fences them | "notInLedger": whatever the ledger lacks (planted)
  ClaimCas,   \* TRUE: the swap compares position and commit id (a claim changes the id)
  Consumer,   \* TRUE: a reader takes finished files away
  Trim,       \* TRUE: old ledger objects are deleted
  Foreign     \* TRUE: a file that is not ours stands under the first name

VARIABLES
  led,        \* the ledger's entries
  low,        \* entries up to this one were trimmed
  up,         \* uploads by commit id
  fin,        \* final name -> commit id; 0: none
  eaten,      \* what the reader took
  ps, net, ncid,
  over        \* TRUE: something was overwritten
vars == <<led, low, up, fin, eaten, ps, net, ncid, over>>

Cids == 1..MaxCid
Name(c, b) == IF NameBy = "cid" THEN 100 + c ELSE b
Names == (0..N) \cup {100 + c : c \in Cids}
Idle == [st |-> "idle", n |-> 0, pos |-> 0, lc |-> 0, end |-> 0, cid |-> 0, todo |-> 0, reply |-> FALSE]

Init ==
  /\ led = <<>> /\ low = 0 /\ ncid = 0 /\ net = {} /\ over = FALSE /\ eaten = <<>>
  /\ up = [c \in Cids |-> [st |-> "no", beg |-> 0, end |-> 0]]
  /\ fin = [x \in Names |-> IF Foreign /\ x = 0 THEN 99 ELSE 0]
  /\ ps = [p \in Procs |-> Idle]

Stored == IF led = <<>> THEN 0 ELSE led[Len(led)].end
StoredCid == IF led = <<>> THEN 0 ELSE led[Len(led)].cid
InLedger(c) == \E j \in DOMAIN led : led[j].cid = c /\ led[j].data
LastData ==
  LET J == {j \in DOMAIN led : led[j].data}
  IN IF J = {} THEN 0 ELSE led[CHOOSE j \in J : \A i \in J : i <= j].cid
SetP(p, r) == ps' = [ps EXCEPT ![p] = r]
CompleteRequest(c) == [t |-> "complete", c |-> c, n |-> 0, end |-> 0, pos |-> 0, p |-> 0, lc |-> 0]

\* ---- a process ----

Take(p) ==
  /\ ps[p].st = "idle"
  /\ SetP(p, [Idle EXCEPT !.st = "finish", !.n = Len(led), !.pos = Stored, !.lc = StoredCid, !.todo = LastData])
  /\ UNCHANGED <<led, low, up, fin, eaten, net, ncid, over>>

\* Finish the last entry: look for the final name, then for the upload.
Finish(p) ==
  /\ ps[p].st = "finish" /\ ps[p].todo # 0
  /\ LET c == ps[p].todo
         name == Name(c, up[c].beg)
     IN IF (AppliedBy = "head" /\ fin[name] # 0) \/ (AppliedBy = "headcid" /\ fin[name] = c)
        THEN SetP(p, [ps[p] EXCEPT !.todo = 0]) /\ net' = net
        ELSE IF up[c].st = "open" THEN net' = net \cup {CompleteRequest(c)} /\ UNCHANGED ps
        ELSE SetP(p, [ps[p] EXCEPT !.st = "stopped"]) /\ net' = net
  /\ UNCHANGED <<led, low, up, fin, eaten, ncid, over>>

MayAbort(p, c) ==
  CASE Cleanup = "notInLedger" -> TRUE
    [] Cleanup = "passed" -> up[c].beg < ps[p].pos
    [] OTHER -> \/ up[c].beg < ps[p].pos
                \/ ps[p].n > 0 /\ ~led[ps[p].n].data /\ led[ps[p].n].cid = ps[p].lc /\ c < ps[p].lc
\* Against the ledger as read by Take, not as it is now.
Abort(p) ==
  /\ Cleanup # "none" /\ ps[p].st = "finish" /\ ps[p].todo = 0
  /\ \E c \in Cids :
       /\ up[c].st = "open"
       /\ ~\E j \in 1..ps[p].n : led[j].cid = c
       /\ MayAbort(p, c)
       /\ up' = [up EXCEPT ![c].st = "aborted"]
  /\ UNCHANGED <<led, low, fin, eaten, ps, net, ncid, over>>

\* An entry with the same position and a new commit id.
Claim(p) ==
  /\ Cleanup = "claim" /\ ps[p].st = "finish" /\ ps[p].todo = 0 /\ ncid < MaxCid /\ Len(led) = ps[p].n
  /\ (\E c \in Cids : up[c].st = "open" /\ ~InLedger(c))
  /\ led' = Append(led, [cid |-> ncid + 1, end |-> ps[p].pos, data |-> FALSE])
  /\ ncid' = ncid + 1 /\ SetP(p, [ps[p] EXCEPT !.n = Len(led) + 1, !.lc = ncid + 1])
  /\ UNCHANGED <<low, up, fin, eaten, net, over>>

Stage(p) ==
  /\ ps[p].st = "finish" /\ ps[p].todo = 0 /\ ncid < MaxCid /\ ps[p].pos < N
  /\ \E s \in 1..2 :
       /\ ps[p].pos + s <= N
       /\ SetP(p, [ps[p] EXCEPT !.st = "staged", !.end = ps[p].pos + s, !.cid = ncid + 1])
       /\ up' = [up EXCEPT ![ncid + 1] = [st |-> "open", beg |-> ps[p].pos, end |-> ps[p].pos + s]]
  /\ ncid' = ncid + 1
  /\ UNCHANGED <<led, low, fin, eaten, net, over>>

Same(p) == Stored = ps[p].pos /\ (ClaimCas => StoredCid = ps[p].lc)

Send(p) ==
  /\ ps[p].st = "staged"
  /\ IF Same(p)
     THEN /\ net' = net \cup {[t |-> "ledger", c |-> ps[p].cid, n |-> Len(led) + 1, end |-> ps[p].end,
                               pos |-> ps[p].pos, p |-> p, lc |-> 0]}
          /\ SetP(p, [ps[p] EXCEPT !.st = "sent"])
     ELSE SetP(p, Idle) /\ net' = net
  /\ UNCHANGED <<led, low, up, fin, eaten, ncid, over>>

ReadBack(p) ==
  /\ ps[p].st = "sent"
  /\ SetP(p, IF ps[p].reply THEN (IF When = "reread" THEN Idle ELSE [ps[p] EXCEPT !.st = "ok"])
             ELSE IF Same(p) THEN [ps[p] EXCEPT !.st = "staged"] ELSE Idle)
  /\ UNCHANGED <<led, low, up, fin, eaten, net, ncid, over>>

\* Its own success needs no second look at the ledger, unless the ledger is trimmed.
CompleteOwn(p) ==
  /\ ps[p].st = "ok" \/ (When = "presumed" /\ ps[p].st = "sent")
  /\ net' = net \cup {CompleteRequest(ps[p].cid)}
  /\ SetP(p, Idle)
  /\ UNCHANGED <<led, low, up, fin, eaten, ncid, over>>

Crash(p) ==
  ps[p].st \notin {"idle", "stopped"} /\ SetP(p, Idle) /\ UNCHANGED <<led, low, up, fin, eaten, net, ncid, over>>

\* ---- requests land; others act ----

\* An entry that was trimmed can be created again: its create answers ok.
LandLedger(m) ==
  /\ m.t = "ledger" /\ net' = net \ {m}
  /\ led' = IF m.n = Len(led) + 1 THEN Append(led, [cid |-> m.c, end |-> m.end, data |-> TRUE]) ELSE led
  /\ ps' = IF (m.n = Len(led) + 1 \/ m.n <= low) /\ ps[m.p].st = "sent" /\ ps[m.p].cid = m.c
           THEN [ps EXCEPT ![m.p].reply = TRUE] ELSE ps
  /\ UNCHANGED <<low, up, fin, eaten, ncid, over>>

LandComplete(m) ==
  /\ m.t = "complete"
  /\ LET c == m.c
         name == Name(c, up[c].beg)
     IN IF up[c].st = "open" /\ (Complete \in {"cond", "link"} => fin[name] = 0)
        THEN /\ fin' = [fin EXCEPT ![name] = c] /\ over' = (over \/ fin[name] # 0)
             /\ up' = [up EXCEPT ![c].st = IF Complete = "link" THEN "open" ELSE "done"]
        ELSE UNCHANGED <<fin, over, up>>
  /\ net' = net \ {m}
  /\ UNCHANGED <<led, low, eaten, ps, ncid>>

Unlink ==
  /\ Complete = "link"
  /\ \E c \in Cids :
       up[c].st = "open" /\ fin[Name(c, up[c].beg)] = c /\ up' = [up EXCEPT ![c].st = "done"]
  /\ UNCHANGED <<led, low, fin, eaten, ps, net, ncid, over>>

Consume ==
  /\ Consumer /\ Len(eaten) < MaxCid + 1
  /\ \E x \in Names : fin[x] \notin {0, 99} /\ eaten' = Append(eaten, fin[x]) /\ fin' = [fin EXCEPT ![x] = 0]
  /\ UNCHANGED <<led, low, up, ps, net, ncid, over>>

TrimLedger ==
  Trim /\ low + 1 < Len(led) /\ low' = Len(led) - 1 /\ UNCHANGED <<led, up, fin, eaten, ps, net, ncid, over>>

Next ==
  \/ \E p \in Procs :
       \/ Take(p) \/ Finish(p) \/ Abort(p) \/ Claim(p) \/ Stage(p) \/ Send(p) \/ ReadBack(p)
       \/ CompleteOwn(p) \/ Crash(p)
  \/ \E m \in net : LandLedger(m) \/ LandComplete(m)
  \/ Unlink \/ Consume \/ TrimLedger

\* ---- what must hold ----

Times(c) == Cardinality({x \in Names : fin[x] = c}) + Cardinality({j \in DOMAIN eaten : eaten[j] = c})
Once == \A c \in Cids : Times(c) <= 1                        \* a file appears once
OnlyLedger == \A c \in Cids : Times(c) > 0 => InLedger(c)    \* nothing is visible that the ledger lacks
NoOverwrite == ~over
\* What the ledger holds is visible, or is the last entry and its upload can still be completed under its name.
Recoverable ==
  \A j \in DOMAIN led :
    led[j].data =>
      LET c == led[j].cid
      IN \/ Times(c) = 1
         \/ c = LastData /\ up[c].st = "open" /\ (AppliedBy = "head" => fin[Name(c, up[c].beg)] = 0)
NoStop == \A p \in Procs : ps[p].st # "stopped"
=============================================================================
