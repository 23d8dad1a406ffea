-- Random mistakes in valid histories: parse must fail with the number of the wrong line, or the checker must accept
-- the result without an error. The same mistakes for the same seed.   lua fuzz/history.lua RUNS|SECONDSs [SEED]
local checker = require "corosync.checker"
local histories = require "spec.helpers.histories"

local count, in_seconds = arg[1]:match "^(%d+)(s?)$"
local seed = tonumber(arg[2] or os.time())
local random = math.random
math.randomseed(seed)

local ODD = {
  "-", "", "0", "-1", "1.5", "1e999", "nan", "4294967296", "99999999999999999999", ("9"):rep(400), "true", "\0", "\r",
  "1:10", "2:20", "3:30", "1:10=join", "2:20=nodedown", ",", ":", "=", "1:10,1:10", "0:0", "1:" .. ("f"):rep(300),
}

local function lines_of(text)
  local lines = {}
  for line in text:gmatch "[^\n]*\n" do
    lines[#lines + 1] = line
  end
  return lines
end

local function any(list)
  return list[random(#list)]
end

-- Ways to damage a text, an array of lines.
local mistakes = {
  function(lines) table.remove(lines, random(#lines)) end,
  function(lines) table.insert(lines, random(#lines), any(lines)) end,
  function(lines) table.insert(lines, random(#lines), table.remove(lines, random(#lines))) end,
  function(lines) -- a word in the place of another
    local words = {}
    for word in any(lines):gmatch "%S+" do
      words[#words + 1] = word
    end
    for _, word in ipairs(ODD) do
      words[#words + 1] = word
    end
    local at, skipped = random(#lines), random(0, 4)
    lines[at] = lines[at]:gsub("[^%s,]+", function(word)
      skipped = skipped - 1
      return skipped == 0 and any(words) or word
    end)
  end,
  function(lines) -- a byte in the place of another
    local at = random(#lines)
    local line, byte = lines[at], random(#lines[at])
    lines[at] = line:sub(1, byte - 1) .. string.char(random(0, 255)) .. line:sub(byte + random(0, 1))
  end,
}

local function with_mistakes(text)
  local lines = lines_of(text)
  for _ = 1, random(0, 6) do
    if #lines > 0 then
      any(mistakes)(lines)
    end
  end
  text = table.concat(lines)
  return random(8) == 1 and text:sub(1, random(0, #text)) or text
end

local names = {}
for _, rule in ipairs(require "corosync.checker.rules") do
  names[rule.name] = true
end

local function check_violation(violation)
  assert(names[violation.rule] and not violation.text:find "nil", violation.text)
  assert(type(violation.history) == "string" and violation.line % 1 == 0)
  assert(violation.line > 0 or violation.text:find "second history", violation.text)
end

local function check(parsed)
  if #parsed == 0 then
    return
  end
  local report = checker.check(parsed)
  assert(report.ok == (#report.violations + #report.undecided == 0))
  for _, list in ipairs { report.violations, report.undecided } do
    for _, violation in ipairs(list) do
      check_violation(violation)
    end
  end
end

local function run()
  local parsed, texts = {}, {}
  local third = any { histories.FIRST, histories.SECOND, histories.OPERATIONS, "" }
  for i, text in ipairs { histories.FIRST, histories.SECOND, third, histories.OPERATIONS } do
    texts[i] = with_mistakes(text)
    local parsed_one, message = checker.parse(texts[i], "history " .. i)
    assert(parsed_one or message:match "^history %d:%d+: ")
    parsed[#parsed + 1] = parsed_one
  end
  local ok, message = xpcall(function() check(parsed) end, debug.traceback)
  if not ok then
    io.stderr:write(table.concat(texts, "----\n"))
    error(message, 0)
  end
end

local most, runs = tonumber(count), 0
local deadline = in_seconds == "s" and os.time() + most
repeat
  run()
  runs = runs + 1
until deadline and os.time() >= deadline or not deadline and runs >= most
print(("%d runs, seed %d"):format(runs, seed))
