-- by, why, at: the text goes, a record of who wanted it stays.
local record = load()
if not record then
  return { NO_SUCH_JOB }
end
local revision = tonumber(record.revision or 0)
if record.state == 'erased' then
  return { OK, revision }
end
local kept = { 'owner', record.owner, 'state', 'erased', 'head', record.head, 'held_from', int(record.head + 1),
  'revision', revision + 1, 'erased_at', ARGV[5], 'erased_by', ARGV[3], 'erased_why', ARGV[4] }
for _, field in ipairs({ 'unused', 'confirmed', 'archived', 'lines', 'redactions', 'gaps', 'phases', 'opened', 'touched',
  'ending', 'exit_code', 'ended', 'replid', 'claim' }) do
  if record[field] then
    kept[#kept + 1] = field
    kept[#kept + 1] = record[field]
  end
end
call('DEL', RECORD)
-- The log may be long: its memory is given back by another thread.
call('UNLINK', LOG, PATCH)
call('HSET', RECORD, unpack(kept))
wake()
return { OK, revision + 1 }
