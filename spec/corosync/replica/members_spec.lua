-- Several processes of one node.
local replicas = require "spec.helpers.replicas"

local hears, run, spawn = replicas.hears, replicas.run, replicas.spawn

local function text_of(list) return table.concat(list.state, " ") end

describe("members of a replica", function()
  after_each(replicas.clean)

  local app, list, problems

  local function begin(methods)
    problems = {}
    app = replicas.new { error = function(message) problems[#problems + 1] = message end }
    list = replicas.list(app, "list", methods)
    assert(list:submit "a")
  end

  local function submit(program, command)
    run(program, ("print('result', list:submit '%s')"):format(command))
    return (hears(program, "^result\t(.*)$"))
  end

  it("all have the state and can submit, although they share a node", function()
    begin()
    local others = {}
    for i = 1, 2 do
      others[i] = spawn(app.name, "list = list()")
      hears(others[i], "^ready$")
    end
    assert.equal("2", submit(others[1], "b"))
    assert.equal("3", submit(others[2], "c"))
    assert.equal(4, list:submit "d")
    for i = 1, 2 do
      run(others[i], "app:barrier() show(list.state)")
      hears(others[i], "^state\ta b c d$")
      run(others[i], "app:close()")
    end
    assert.equal(5, list:submit "e")
    assert(replicas.eventually(function() return #select(4, app:status()) == 1 end))
  end)

  it("return an error of apply to the submitter, and go on with equal states", function()
    begin { apply = function(state, command)
      state[#state + 1] = command
      if command == "bad" then error "a bad one" end
      return #state
    end }
    local other = spawn(app.name, "list = list()")
    hears(other, "^ready$")
    assert.matches("^nil\t.*a bad one\traised$", submit(other, "bad"))
    assert.equal("2", submit(other, "b"))
    assert.equal("raised", select(3, list:submit "bad"))
    assert.equal(3, list:submit "c")
    assert.same({}, problems)
  end)

  local OWN = [[list = list {
    snapshot = function(state) return table.concat(state, ";") end,
    restore = function(encoded)
      if RAISES then error "cannot read it" end
      local state = {}
      for each in encoded:gmatch "[^;]+" do state[#state + 1] = each end
      return state
    end,
    restored = show,
    changed = function(_, command) print("changed", command) end,
    codec = { encode = function(command) return command.text end, decode = function(text) return text end },
  }]]

  local function begin_with_own()
    begin {
      snapshot = function(state) return table.concat(state, ";") end,
      restore = function(encoded)
        local state = {}
        for each in encoded:gmatch "[^;]+" do state[#state + 1] = each end
        return state
      end,
      codec = { encode = function(command) return command.text end, decode = function(text) return text end },
    }
  end

  it("learn a state and commands of the script's own encoding", function()
    begin_with_own()
    assert.equal(2, list:submit { text = "coded" })
    local other = spawn(app.name, OWN)
    hears(other, "^state\ta coded$")
    hears(other, "^ready$")
    assert.equal(3, list:submit "c")
    hears(other, "^changed\tc$")
    assert.equal("4", submit(other, "d"))
  end)

  it("leave with a clear error when they cannot restore the state, and the others go on", function()
    begin_with_own()
    local other = spawn(app.name, "RAISES = true " .. OWN)
    local problem = hears(other, "^problem\t(.*)$")
    assert.matches("cannot restore the state that member %d+:%d+ has sent: .*cannot read it", problem)
    run(other, "print('status', app:status())")
    assert.matches("^blocked\t.*\tit is closed$", (hears(other, "^status\t(.*)$")))
    assert.matches("closed$", submit(other, "x"))
    assert.equal(2, list:submit "b")
    assert.equal(1, #(select(4, app:status())))
    assert.same({}, problems)
  end)

  it("leave with a clear error when a raised command cannot be undone", function()
    begin {
      apply = function(state, command) if command == "bad" then error "refused" end state[#state + 1] = command end,
      snapshot = function(state) return table.concat(state) end,
      restore = function() error "no way back" end,
    }
    local _, message, code = list:submit "bad"
    assert.equal("applied", code)
    assert.matches("not known here: the replica was closed because of an error$", message)
    assert.matches("machine 'list': cannot undo a command whose apply raised an error: .*no way back", problems[1])
    assert.equal("closed", select(3, list:submit "b"))
  end)

  it("begin with the machine's initial state", function()
    app = replicas.new()
    local counter = app:machine("counter", {
      initial = function() return { n = 40 } end,
      apply = function(state, by) state.n = state.n + tonumber(by) return state.n end,
    })
    assert.equal(40, counter.state.n)
    assert.equal(42, counter:submit "2")
  end)

  it("keep the commands of machines that their script lacks, and pass them on", function()
    begin()
    local lacking = spawn(app.name, "")
    hears(lacking, "^ready$")
    assert.equal(2, list:submit "b")
    assert(app:close())
    -- Now only the member without the machine has its state.
    local other = spawn(app.name, "list = list()")
    hears(other, "^ready$")
    run(other, "show(list.state)")
    hears(other, "^state\ta b$")
    assert.equal("3", submit(other, "c"))
    run(other, "app:close()")
    run(lacking, "list = list() app:barrier() show(list.state)")
    hears(lacking, "^state\ta b c$")
    assert.equal("4", submit(lacking, "d"))
  end)

  it("that differ report it, and the minority takes the state of the others", function()
    begin()
    local SAME = "list = list()"
    local DIFFERENT = [[list = list { apply = function(state, command)
      local own = command == "b" and not is_changed
      is_changed = is_changed or own
      state[#state + 1] = own and "own" or command
      return #state
    end }]]
    local same, different = spawn(app.name, SAME), spawn(app.name, DIFFERENT)
    hears(same, "^ready$")
    hears(different, "^ready$")
    assert.equal(2, list:submit "b")
    local index = select(3, app:status())
    local problem = hears(different, "^problem\t(.*)$")
    assert.matches("diverged: the state of machine 'list' of replica '" .. app.name:gsub("%p", "%%%0")
      .. "' differs from that of %d+:%d+, %d+:%d+ at index " .. ("%.0f"):format(index)
      .. "; its apply .*, or members run different versions of the script", problem)
    hears(different, "^ready$")
    assert.equal(3, list:submit "c")
    run(different, "app:barrier() show(list.state)")
    hears(different, "^state\ta b c$")
    assert.equal("a b c", text_of(list))
    assert.same({}, problems)
    assert.is_nil(table.concat(same.lines, "\n"):match "problem")
  end)

  it("refuse a submit with full while uncertain commands wait for a silent member", function()
    problems = {}
    app = replicas.new { window = 2, timeout = 0.3, patience = 1000 }
    list = replicas.list(app)
    assert(list:submit "a")
    local other = spawn(app.name, "options.patience = 1000\n---\nlist = list()")
    hears(other, "^ready$")
    other:kill "sigstop"
    local _, message, code = list:submit "b"
    assert.equal("uncertain", code)
    assert.matches(": the command was sent but not confirmed in time: %d+:%d+ must acknowledge it or end; it may have",
      message)
    assert.equal("uncertain", select(3, list:submit "c"))
    assert.equal("full", select(3, list:submit "d"))
    other:kill "sigcont"
    assert(replicas.eventually(function() return text_of(list) == "a b c" end))
    assert.equal(4, list:submit "d")
  end)
end)
