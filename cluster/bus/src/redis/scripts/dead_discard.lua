-- ARGV: cid, now, time to keep its status. Answers 0 when there is no such dead letter.
return discard(ARGV[1], ARGV[2], ARGV[3])
