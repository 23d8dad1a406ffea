local checking = require "spec.helpers.checker"
local histories = require "spec.helpers.histories"

local FIRST, SECOND = histories.FIRST, histories.SECOND
local changed, finds, passes = checking.changed, checking.finds, checking.passes

-- The rule about errors that scripts note.
describe("rule reported_errors", function()
  local function with(lines) return changed(FIRST, "quiet\n", lines .. "quiet\n") end

  it("is violated by a raised error that is not reported", function()
    passes(with "raise e1\nerror member.lua:3: raised e1\\010stack\n", SECOND)
    passes(with "raise e1\nerror raised an error: e1.\n", SECOND)
    passes(with "raise e\nraise e\nerror raised e\nerror raised e\n", SECOND)
    finds("reported_errors", "the error 'e1' was raised, but not reported", with "raise e1\n", SECOND)
    finds("reported_errors", "the error 'e' was raised, but not", with "raise e\nraise e\nerror raised e\n", SECOND)
  end)

  it("is violated by a reported error that was not raised, or is reported twice", function()
    for _, lines in ipairs { "raise e1\nerror raised e1\nerror something else\n",
      "raise e1\nerror raised e1\nerror raised e1\n", "error something else\nraise e1\nerror raised e1\n",
      "raise e1\nerror raised e1\nraise e2\nerror raised e1\n" } do
      finds("reported_errors", "an error was reported that was not raised, or was reported before: ", with(lines),
        SECOND)
    end
  end)

  it("ignores scripts that announce no errors, and the last error of a killed process", function()
    passes(with "error of a script that announces none\n", SECOND)
    passes(FIRST:match "^(.-)quiet" .. "raise e1\n", changed(SECOND, "settled\n", ""))
  end)
end)
