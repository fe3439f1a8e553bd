-- ARGV: cid, now, time to keep its status. Answers the name it had, nothing when there is no such dead letter.
return discard(ARGV[1], ARGV[2], ARGV[3])
