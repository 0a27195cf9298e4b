package dev.warpwright.softgpu.sim;

import org.jspecify.annotations.Nullable;

/** The way to memory of a launch: finds what a lane's address points at, and checks the access. */
final class MemoryUnit {
  /** After {@link #locate}: the allocation and the offset in it. */
  Allocation allocation = Allocation.NONE;

  int at;

  /** Offsets in the allocation, by lane. */
  final int[] offsets = new int[Warp.LANES];

  /** Where the last access of each instruction was; most stay in one allocation. */
  private final @Nullable Allocation[] recent;

  private final long[] addresses = new long[Warp.LANES];

  MemoryUnit(Code code) {
    recent = new Allocation[code.instructions().length];
  }

  private Allocation known(Warp warp) {
    Allocation known = recent[warp.current.index];
    return known == null || known.freed() ? Allocation.NONE : known;
  }

  /**
   * Finds the memory of all lanes at once if they hit one allocation of shared or global memory,
   * inside its bounds and aligned.
   *
   * @return where it is, with the allocation and the offsets set; null if each lane must be looked
   *     at alone
   */
  @Nullable Space locateAll(Warp warp, Access access, int mask) {
    long low = Long.MAX_VALUE;
    long high = Long.MIN_VALUE;
    long bits = 0;
    for (int m = mask; m != 0; m &= m - 1) {
      int lane = Integer.numberOfTrailingZeros(m);
      long address = access.address(warp, lane);
      addresses[lane] = address;
      low = Math.min(low, address);
      high = Math.max(high, address);
      bits |= address;
    }
    Space where = access.spaceOf(low);
    if ((bits & (access.bytes - 1)) != 0 || where == Space.LOCAL || where != access.spaceOf(high)) {
      return null;
    }
    long base;
    if (where == Space.SHARED) {
      allocation = warp.block.shared;
      base = access.space == Space.GENERIC ? Space.SHARED_WINDOW : 0;
      if (low < base || high + access.bytes > base + allocation.bytes()) {
        return null;
      }
    } else {
      Allocation found = known(warp);
      if (!found.contains(low, access.bytes)) {
        found = warp.block.run.memory.reach(low);
        if (found == null) {
          return null;
        }
        recent[warp.current.index] = found;
      }
      if (!found.contains(low, high - low + access.bytes)) {
        return null;
      }
      found.shadow.begin(warp.block.run.generation);
      allocation = found;
      base = found.address();
    }
    for (int m = mask; m != 0; m &= m - 1) {
      int lane = Integer.numberOfTrailingZeros(m);
      offsets[lane] = (int) (addresses[lane] - base);
    }
    return where;
  }

  /** Checks that the bytes of all located lanes were written, and that reading them is no race. */
  void checkReads(Warp warp, int mask, int width) {
    byte[] written = allocation.initialised;
    int need = (1 << Math.min(width, 8)) - 1;
    for (int m = mask; m != 0; m &= m - 1) {
      int lane = Integer.numberOfTrailingZeros(m);
      int offset = offsets[lane];
      boolean whole =
          (written[offset >> 3] >> (offset & 7) & need) == need
              && (width <= 8 || written[(offset >> 3) + 1] == (byte) 0xff);
      if (!whole) {
        at = offset;
        checkInitialised(warp, lane, width);
      }
    }
    if (warp.block.run.checkRaces) {
      int lane = allocation.shadow.read(warp, mask, offsets, width, false);
      if (lane >= 0) {
        at = offsets[lane];
        throw race(warp, lane, "read", width);
      }
    }
  }

  /** Finds the memory of a lane's access and checks bounds and alignment. */
  Space locate(Warp warp, Access access, int lane) {
    return locate(warp, access, lane, access.address(warp, lane), access.bytes);
  }

  private Space locate(Warp warp, Access access, int lane, long address, int width) {
    if ((address & (width - 1)) != 0) {
      throw warp.faultAt(
          SimFault.Kind.MISALIGNED,
          lane,
          address,
          width + " bytes at " + place(warp, access.spaceOf(address), address));
    }
    Space where = access.spaceOf(address);
    switch (where) {
      case SHARED ->
          inWindow(warp, access, lane, address, width, Space.SHARED_WINDOW, warp.block.shared);
      case LOCAL -> {
        inWindow(warp, access, lane, address, width, Space.LOCAL_WINDOW, warp.local);
        at += lane * warp.code.localBytes();
      }
      default -> {
        Allocation found = known(warp);
        if (!found.contains(address, width)) {
          found = lookUp(warp, lane, address, width);
        }
        found.shadow.begin(warp.block.run.generation);
        allocation = found;
        at = (int) (address - found.address());
      }
    }
    return where;
  }

  /** As {@link #locate} for fewer bytes than the alignment. */
  void locateBytes(Warp warp, Access access, int lane, int width) {
    if (width == access.bytes) {
      locate(warp, access, lane);
      return;
    }
    long address = access.address(warp, lane);
    if ((address & (access.bytes - 1)) != 0) {
      throw warp.faultAt(
          SimFault.Kind.MISALIGNED,
          lane,
          address,
          access.bytes + " bytes at " + place(warp, access.spaceOf(address), address));
    }
    locate(warp, access, lane, address + width - 1, 1);
    locate(warp, access, lane, address, 1);
  }

  void checkBytesInitialised(Warp warp, int lane, int width) {
    if (Integer.bitCount(width) == 1) {
      checkInitialised(warp, lane, width);
      return;
    }
    int start = at;
    for (int i = 0; i < width; i++) {
      at = start + i;
      checkInitialised(warp, lane, 1);
    }
    at = start;
  }

  private void inWindow(
      Warp warp, Access access, int lane, long address, int width, long window, Allocation memory) {
    long place = access.space == Space.GENERIC ? address - window : address;
    long limit = memory == warp.local ? warp.code.localBytes() : memory.bytes();
    if (place < 0 || place + width > limit) {
      throw warp.faultAt(
          SimFault.Kind.OUT_OF_BOUNDS,
          lane,
          address,
          width + " bytes at offset " + place + " of " + limit + " bytes of " + memory.label());
    }
    allocation = memory;
    at = (int) place;
  }

  private Allocation lookUp(Warp warp, int lane, long address, int width) {
    DeviceMemory memory = warp.block.run.memory;
    Allocation found = memory.reach(address);
    if (found == null || !found.contains(address, width)) {
      boolean gone = found == null && memory.isFreed(address);
      throw warp.faultAt(
          gone ? SimFault.Kind.USE_AFTER_FREE : SimFault.Kind.OUT_OF_BOUNDS,
          lane,
          address,
          width + " bytes at " + memory.describe(address));
    }
    recent[warp.current.index] = found;
    return found;
  }

  /** Checks that the located bytes were written. */
  void checkInitialised(Warp warp, int lane, int width) {
    if (!warp.block.run.checkInitialised && allocation != warp.block.shared) {
      return;
    }
    int bits = (allocation.initialised[at >> 3] & 0xff) >> (at & 7);
    int need = (1 << Math.min(width, 8)) - 1;
    if ((bits & need) == need
        && (width <= 8 || allocation.initialised[(at >> 3) + 1] == (byte) 0xff)) {
      return;
    }
    if (allocation == warp.block.shared && warp.block.asyncPending(at, width)) {
      throw warp.faultAt(
          SimFault.Kind.ASYNC_NOT_WAITED,
          lane,
          at,
          "a read of "
              + place(warp, Space.SHARED, at)
              + ", which an asynchronous copy has not delivered yet");
    }
    if (!warp.block.run.checkInitialised) {
      return;
    }
    long first = allocation.firstUninitialised(at, width);
    throw warp.faultAt(
        SimFault.Kind.UNINITIALISED,
        lane,
        allocation.address() + first,
        "a read of " + describe(warp, (int) first) + ", which nobody wrote");
  }

  void checkRead(Warp warp, int lane, int width, boolean strong) {
    offsets[lane] = at;
    if (warp.block.run.checkRaces
        && allocation != warp.local
        && allocation.shadow.read(warp, 1 << lane, offsets, width, strong) >= 0) {
      throw race(warp, lane, "read", width);
    }
  }

  void checkWrite(Warp warp, int lane, int width, boolean strong) {
    offsets[lane] = at;
    if (writes(warp, 1 << lane, width, strong) >= 0) {
      throw writeRace(warp, lane, width, strong);
    }
  }

  /**
   * Records writes of located lanes, up to the first that is not ordered after what was done to the
   * bytes before.
   *
   * @return that lane, or -1
   */
  int writes(Warp warp, int mask, int width, boolean strong) {
    if (!warp.block.run.checkRaces || allocation == warp.local) {
      return -1;
    }
    return allocation.shadow.write(warp, mask, offsets, width, strong);
  }

  SimFault writeRace(Warp warp, int lane, int width, boolean strong) {
    at = offsets[lane];
    return race(warp, lane, strong ? "atomic or strong write" : "write", width);
  }

  private SimFault race(Warp warp, int lane, String what, int width) {
    Shadow shadow = allocation.shadow;
    long other = shadow.conflict;
    return warp.faultAt(
        SimFault.Kind.RACE,
        lane,
        allocation.address() + at,
        what
            + " of "
            + width
            + " bytes at "
            + describe(warp, at)
            + " is not ordered after the "
            + (shadow.conflictWrote ? "write" : "read")
            + " by block ("
            + warp.blockPlace(Stamp.block(other))
            + ") thread ("
            + warp.threadPlace(Stamp.warp(other), Stamp.lane(other))
            + ") at "
            + warp.sourceOf(shadow.conflictSite));
  }

  private String describe(Warp warp, int offsetIn) {
    if (allocation == warp.block.shared) {
      return warp.code.sharedPlace(offsetIn);
    }
    if (allocation == warp.local) {
      return "local memory + " + offsetIn % Math.max(1, warp.code.localBytes());
    }
    return allocation.label() + " + " + offsetIn + " of " + allocation.bytes() + " bytes";
  }

  private static String place(Warp warp, Space space, long address) {
    return switch (space) {
      case SHARED -> warp.code.sharedPlace((int) (address & (Space.WINDOW_BYTES - 1)));
      case LOCAL -> "local memory + " + (address & (Space.WINDOW_BYTES - 1));
      default -> warp.block.run.memory.describe(address);
    };
  }
}
