-- The data of the page: arrays of numbers and texts, in which events, messages and lanes are numbered from 0.
local bands = require "cpgrun.drawing.bands"
local lanes = require "cpgrun.drawing.lanes"
local messages = require "cpgrun.drawing.messages"
local order = require "cpgrun.drawing.order"
local text = require "cpgrun.bytes_as_text"

local data = {}

-- The page's JavaScript (view.lua) has the same numbers.
local KINDS = {
  send = 0, message = 1, config = 2, ring = 3, lost = 4, quorum = 5, locked = 6, unlocked = 7, holds = 8, released = 9,
  error = 10, ready = 11, suspended = 12, observing = 13,
}

local function is_drawn(event)
  return KINDS[event[1]] ~= nil
end

-- What the page shows of an event that is not a message.
local describe = {
  config = function(event) return ("members %s, left %s, joined %s"):format(event[3], event[4], event[5]) end,
  ring = function(event) return "ring " .. event[2] end,
  lost = function() return "lost the connection to Corosync" end,
  quorum = function(event) return "quorum: " .. event[2] end,
  locked = function(event) return ("holds lock %s, token %s"):format(event[2], event[3]) end,
  unlocked = function(event) return "no longer holds lock " .. event[2] end,
  holds = function(event) return ("holds %s, token %s"):format(event[3], event[4]) end,
  released = function(event) return "released " .. event[3] end,
  error = function(event) return event[2] end,
  ready = function() return "the replica is ready" end,
  observing = function() return "the observer has the replica's state" end,
  suspended = function(event) return "the replica is suspended: " .. event[2] end,
}

-- Most texts occur many times, so each is stored once.
local function texts()
  local all, numbers = {}, {}
  return all, function(bytes)
    if not numbers[bytes] then
      all[#all + 1], numbers[bytes] = text(bytes), #all
    end
    return numbers[bytes]
  end
end

local function number_messages(all, number)
  local columns = { sender = {}, text = {}, digest = {}, group = {}, refused = {} }
  for i, message in ipairs(all) do
    message.number = i - 1
    columns.sender[i], columns.text[i] = number(message.sender), number(message.text)
    columns.digest[i], columns.group[i] = number(message.digest), number(message.group)
    columns.refused[i] = number(message.refused or "")
  end
  return columns
end

local function event_columns(events, began, number)
  local columns = { time = {}, lane = {}, kind = {}, column = {}, ref = {} }
  for i, event in ipairs(events) do
    columns.time[i], columns.lane[i] = math.floor((event.time - began) * 1000 + 0.5), event.life.lane - 1
    columns.kind[i], columns.column[i] = KINDS[event[1]], event.column
    columns.ref[i] = event.message and event.message.number or number(describe[event[1]](event))
  end
  return columns
end

local function lane_rows(all, number)
  local rows = {}
  for i, lane in ipairs(all) do
    local lives = {}
    for k, life in ipairs(lane.lives) do
      lives[k] = { first = life.first.index - 1, last = life.last.index - 1, address = life.process.address }
    end
    rows[i] = { group = number(lane.group), node = lane.node, lives = lives }
  end
  return rows
end

local function band_rows(all)
  local rows = {}
  for i, band in ipairs(all) do
    rows[i] = {
      kind = band.kind, lane = band.life.lane - 1, from = band.from.index - 1,
      to = band.to and band.to.index - 1 or band.life.process.last.index - 1,
      members = band.members, ring = band.ring, name = band.name and text(band.name), token = band.token,
    }
  end
  return rows
end

-- The event that was drawn at a line of a file, or the last one before it.
local function finder(events)
  local by_line = {}
  for _, event in ipairs(events) do
    local path = event.process.path
    by_line[path] = by_line[path] or {}
    table.insert(by_line[path], event)
  end
  return function(path, line)
    local found
    for _, event in ipairs(by_line[path] or {}) do
      found = event.line <= line and event or found
    end
    return found and found.index - 1
  end
end

local function mark_rows(marks, events)
  local rows, find = {}, finder(events)
  for i, mark in ipairs(marks) do
    rows[i] = { text = text(mark.text), event = find(mark.history, mark.line) }
  end
  return rows
end

local function earliest(events)
  local began = math.huge
  for _, event in ipairs(events) do
    began = math.min(began, event.time)
  end
  return events[1] and began or 0
end

-- `marks`: an array of violations, as the checker reports them.
function data.of(processes, marks)
  local all_messages = messages.match(processes)
  local all_lanes = lanes.of(processes, is_drawn)
  local events = order.of(processes, is_drawn)
  local all_texts, number = texts()
  local began = earliest(events)
  return {
    began = began,
    messages = number_messages(all_messages, number),
    events = event_columns(events, began, number),
    lanes = lane_rows(all_lanes, number),
    bands = band_rows(bands.of(events, all_lanes)),
    marks = mark_rows(marks, events),
    texts = all_texts,
  }
end

return data
