local checking = require "spec.helpers.checker"

local check, finds, passes = checking.check, checking.finds, checking.passes

local function first(lines) return "group g\nconfig 1:10 1:10 - 1:10=join\nring 1:4\n" .. lines end

-- Of a process of the same group that never joined.
local function second(lines) return "group g\n" .. lines end

describe("rule exclusive", function()
  local HELD = "holds 1.0 lock 5\nreleased 2.0 lock\n"

  it("accepts holders one after another, with growing tokens", function()
    passes(first(HELD), second "holds 2.5 lock 6\nreleased 3.0 lock\n")
    passes(first(HELD .. "holds 4.0 lock 7\n"), second "holds 2.5 lock 6\nreleased 3.0 lock\n")
    passes(first(HELD), second "holds 2.0 lock 9007199254740992\n")
  end)

  it("accepts holders of several names, and of one name in several groups", function()
    passes(first(HELD), second "holds 1.5 other 5\nreleased 1.7 other\n")
    passes(first(HELD), "group h\nholds 1.5 lock 5\n")
    passes(first "holds 1.0 a 5\nholds 1.1 b 6\nreleased 1.2 a\nreleased 1.3 b\n")
  end)

  it("is violated by two holders at a time", function()
    finds("exclusive", "a process that never joined holds lock with the token 6, while 1:10 holds it with the token 5 "
      .. "%(first:4%)", first(HELD), second "holds 1.5 lock 6\nreleased 1.7 lock\n")
    finds("exclusive", "1:10 holds lock with the token 5, while a process that never joined holds it with the token 4",
      second "holds 0.5 lock 4\nreleased 0.6 lock\nholds 0.7 lock 4\nreleased 9.0 lock\n", first(HELD))
  end)

  it("is violated by two overlapping holders with a shorter hold in between", function()
    local report = check(first "holds 1.0 lock 5\nreleased 9.0 lock\n",
      second "holds 2.0 lock 6\nreleased 3.0 lock\nholds 4.0 lock 7\nreleased 5.0 lock\n")
    assert.equal(2, #report.violations)
  end)

  it("treats a holder without a release as the holder until its last note", function()
    passes(first "holds 1.0 lock 5\n", second "holds 1.5 lock 6\n")
    passes(first "holds 1.0 lock 5\nholds 2.0 lock 5\n", second "holds 2.5 lock 6\n")
    finds("exclusive", "with the token 6, while 1:10 holds it with the token 5",
      first "holds 1.0 lock 5\nholds 2.0 lock 5\n", second "holds 1.5 lock 6\n")
  end)

  it("is violated by a token that is not greater than an earlier one", function()
    for _, token in ipairs { "4", "5" } do
      finds("exclusive", ("a process that never joined holds lock with the token %s, after 1:10 held it with the token "
        .. "5 %%(first:4%%)"):format(token), first(HELD), second(("holds 2.5 lock %s\n"):format(token)))
    end
    finds("exclusive", "holds lock with the token 6, after 1:10 held it with the token 7",
      first(HELD .. "holds 3.0 lock 7\nreleased 4.0 lock\nholds 5.0 lock 6\n"))
    finds("exclusive", "token 9007199254740991, after 1:10 held it with the token 9007199254740992",
      first "holds 1.0 lock 9007199254740992\nreleased 2.0 lock\nholds 3.0 lock 9007199254740991\n")
  end)

  it("is violated by a member that holds it twice, or releases what it does not hold", function()
    finds("exclusive", "1:10 holds lock with the token 6, but has not released it with the token 5",
      first "holds 1.0 lock 5\nholds 2.0 lock 6\n")
    finds("exclusive", "1:10 released lock, which it did not hold", first(HELD .. "released 3.0 lock\n"))
  end)

  it("counts the notes", function()
    assert.equal(3, check(first(HELD .. "holds 3.0 lock 6\n")).figures.claims)
  end)
end)
