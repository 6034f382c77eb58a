-- writer, number: the write that a WAIT on the same connection answers for. Answers the head it covers, or -1 when the
-- batch is not here, the primary's replication id, and how many replicas it sees.
local known, head = unpack(call('HMGET', RECORD, 'w:' .. ARGV[3], 'head'))
if not head then
  return { NO_SUCH_JOB }
end
local info = call('INFO', 'replication')
local replid = string.match(info, 'master_replid:(%x+)')
local replicas = tonumber(string.match(info, 'connected_slaves:(%d+)'))
local next = tonumber(string.match(known or '', '^%d+ (%d+)') or 1)
if tonumber(ARGV[4]) >= next then
  return { OK, -1, replid, replicas }
end
call('HSET', RECORD, 'confirming', head)
return { OK, tonumber(head), replid, replicas }
