-- Uses of locks, elections, periodic tasks, maps and calls of a replica, as lines of text say: see object_member.lua.
-- `options`: say(...) writes a line; on_error(message); pause() waits a moment in the way of the loop, if it has one.
return function(app, options)
  local say, on_error = options.say, options.on_error
  local pause = options.pause or function() end
  local held, commands, rpc = {}, {}, nil

  local function integer(number)
    return ("%.0f"):format(number)
  end

  function commands.acquire(name, timeout)
    local got, message, code = app:lock(name):acquire { timeout = tonumber(timeout), lost = function(reason)
      say("lost", name, reason)
    end }
    if got then
      held[name] = got
      say("held", name, integer(got.token))
    else
      say("failed", name, code)
      on_error(message)
    end
  end

  function commands.release(name)
    local ok, _, code = held[name]:release()
    say("released", name, ok and "true" or code)
  end

  -- A write to the store, with the token of the last grant, whether or not it was lost.
  function commands.write(name)
    say("write", name, integer(held[name].token))
  end

  function commands.holder(name)
    local address, token, _, waiters = app:lock(name):holder()
    for i, waiter in ipairs(waiters or {}) do
      waiters[i] = tostring(waiter)
    end
    say("holder", name, tostring(address), token and integer(token) or "-", table.concat(waiters or {}, ","))
  end

  function commands.lead(name)
    app:leader(name, {
      elected = function(token) say("elected", name, integer(token)) end,
      deposed = function(reason) say("deposed", name, reason) end,
    })
  end

  -- Its functions wait.
  function commands.lead_slowly(name)
    app:leader(name, {
      elected = function(token)
        pause()
        assert(app:map("leaders"):set(name, token, { holding = { name = "leader/" .. name, token = token } }))
        say("elected", name, integer(token))
      end,
      deposed = function(reason)
        pause()
        say("deposed", name, reason)
      end,
    })
  end

  function commands.resign(name)
    local ok, _, code = app:leader(name):resign()
    say("resigned", name, ok and "true" or code)
  end

  function commands.every(name, seconds)
    app:every(name, tonumber(seconds), function(tick, token, missed)
      say("tick", name, integer(tick), integer(token), integer(missed))
    end)
  end

  function commands.every_slowly(name, seconds)
    app:every(name, tonumber(seconds), function()
      pause()
      say("ticked", name, integer(assert(app:map("ticks"):increment(name))))
    end)
  end

  function commands.watch(name)
    app:map(name):watch("", function(key, new) say("changed", name, key, tostring(new)) end)
    say("watching", name)
  end

  function commands.set(name, value)
    say("set", name, tostring(app:map(name):set("key", value)))
  end

  function commands.serve(name)
    rpc = app:calls { double = function(text)
      pause()
      assert(app:barrier())
      return text .. text
    end }
    say("serving", name)
  end

  function commands.call(text, node)
    for member, ok, value in rpc:all("double", text, { timeout = 20 }) do
      if member.node == tonumber(node) then
        say("called", node, tostring(ok), tostring(value))
      end
    end
  end

  return function(line)
    local verb, name, argument = line:match "^([%l_]+) ?(%S*) ?(%S*)$"
    commands[verb](name, argument)
  end
end
