-- owner, at: creates the record unless there is one. The answer's second part says whether it did.
local owner = call('HGET', RECORD, 'owner')
if owner then
  -- Whose it is comes first: somebody else is not told what became of it.
  if owner ~= ARGV[3] then
    return { OTHER_OWNER }
  end
  if call('HGET', RECORD, 'state') == 'erased' then
    return { ERASED }
  end
  return { OK, 0, call('HGETALL', RECORD) }
end
local replid = replication()
call('HSET', RECORD, 'owner', ARGV[3], 'state', 'running', 'head', 0, 'held_from', 1, 'lines', 0, 'redactions', 0, 'gaps', 0,
  'opened', ARGV[4], 'touched', now(), 'replid', replid)
wake()
return { OK, 1, call('HGETALL', RECORD) }
