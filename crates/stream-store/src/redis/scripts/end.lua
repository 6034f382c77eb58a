-- outcome, exit code or '', at, lease: the wish to end, granted at once when nobody writes. Answers the last entry's place,
-- or 0 while it has to wait.
local record = load()
if not record then
  return { NO_SUCH_JOB }
end
if record.state == 'erased' then
  return { ERASED }
end
if record.state == 'ended' then
  if record.ending == ARGV[3] then
    return { OK, tonumber(record.head) }
  end
  return { ENDED }
end
wish(record, ARGV[3], ARGV[4])
local latest = renewed_last(record)
-- Whoever judged the job silent found every lease lapsed.
if record.state == 'running' and latest and now() < latest + ARGV[6] then
  return { OK, 0 }
end
return { OK, write_end(record, ARGV[5]) }
