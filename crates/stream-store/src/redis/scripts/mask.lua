-- seq, entry: puts a masked entry in the place of one that is held. An entry of a stream cannot be rewritten, so the
-- stream loses it and the patch has it, with the revision since which it is masked.
local record = load()
if not record then
  return { NO_SUCH_JOB }
end
if record.state == 'erased' then
  return { ERASED }
end
local seq, revision = tonumber(ARGV[3]), tonumber(record.revision or 0)
-- What the store no longer holds, it cannot show either; an unused place stays one.
local held = call('XDEL', LOG, seq) == 1 or call('HEXISTS', PATCH, ARGV[3]) == 1
if not held or seq < tonumber(record.held_from or record.head + 1) then
  return { OK, revision }
end
revision = revision + 1
call('HSET', PATCH, ARGV[3], int(revision) .. ' ' .. ARGV[4])
save(record, { revision = revision })
wake()
return { OK, revision }
