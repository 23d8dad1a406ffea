-- The order of generations. A generation number is { start, seq, round, epoch, stored }:
--
--   start       the index above which the last fresh or doubtful start began (claims.lua). It follows the clock, and is
--               compared first, because the members that made that start may not have known all earlier generations
--   seq, round  of the generation: the sequence number of its ring, and a count
--   epoch       the last one that was established (generation.lua)
--   stored      true if a member with storage has taken part in it or in an earlier generation; not part of the order
local generation_number = {}

local function compare_beginnings(a, b)
  if a.start ~= b.start then
    return a.start - b.start
  elseif a.seq ~= b.seq then
    return a.seq - b.seq
  end
  return a.round - b.round
end

-- Returns a value above 0 if the first number is newer, below 0 if the second one is, or 0.
function generation_number.compare(a, b)
  local difference = compare_beginnings(a, b)
  return difference ~= 0 and difference or a.epoch - b.epoch
end

-- Returns a number as the text of a note.
function generation_number.text(number)
  return ("%.0f.%.0f.%.0f.%.0f%s"):format(number.start, number.seq, number.round, number.epoch,
    number.stored and "s" or "")
end

-- Returns the number of a note's text, or nil.
function generation_number.parse(text)
  local start, seq, round, epoch, stored = tostring(text):match "^(%d+)%.(%d+)%.(%d+)%.(%d+)(s?)$"
  return start and { start = tonumber(start), seq = tonumber(seq), round = tonumber(round), epoch = tonumber(epoch),
    stored = stored == "s" or nil }
end

-- Whether a member has promised to begin a later generation than this one. It must not take part in this one any more:
-- another member may have begun the later one.
function generation_number.has_promised_later(promised, number)
  return promised ~= nil and compare_beginnings(promised, number) > 0
end

return generation_number
