package dev.warpwright.softgpu.sim;

import java.util.Arrays;
import java.util.BitSet;
import java.util.IdentityHashMap;

/** Counts of one launch. */
final class Counters {
  final long[] groups = new long[Instr.Group.COUNT];
  long laneInstructions;
  long divergentBranches;
  long barriers;
  long warpSyncs;
  long globalLoadSectors;
  long globalStoreSectors;
  long sharedAccesses;
  long sharedWavefronts;
  long bankConflicts;
  long globalAtomics;
  long sharedAtomics;
  long localAccesses;

  private static final int SECTOR_BITS = 5;
  private static final int BANKS = 32;

  /** By power of the width, see {@link AccessWidths}. */
  private final long[] loads = new long[AccessWidths.COUNT];

  private final long[] laneLoads = new long[AccessWidths.COUNT];
  private final long[] stores = new long[AccessWidths.COUNT];
  private final long[] laneStores = new long[AccessWidths.COUNT];

  private final IdentityHashMap<Allocation, BitSet> loaded = new IdentityHashMap<>();
  private final IdentityHashMap<Allocation, BitSet> stored = new IdentityHashMap<>();
  private Allocation lastLoaded = Allocation.NONE;
  private BitSet lastLoadedSectors = new BitSet();
  private Allocation lastStored = Allocation.NONE;
  private BitSet lastStoredSectors = new BitSet();

  /** Sectors of the access being counted. */
  private final long[] seen = new long[4 * Warp.LANES];

  private int seenCount;
  private int lanes;
  private int sharedLanes;
  private boolean local;
  private final int[] sharedOffsets = new int[Warp.LANES];
  private final int[] firstWord = new int[BANKS];
  private final int[] bank = new int[BANKS];
  private final int[] bankWords = new int[BANKS * Warp.LANES];

  /** Counts a load or store of a warp whose lanes were located together. */
  void access(MemoryUnit unit, int mask, Space where, int bytes, boolean store) {
    if (where == Space.SHARED) {
      shared(unit.offsets, mask, bytes);
      return;
    }
    begin();
    for (int m = mask; m != 0; m &= m - 1) {
      sector(unit.allocation, unit.offsets[Integer.numberOfTrailingZeros(m)], bytes, store);
    }
    end(bytes, store);
  }

  /** Starts an access of a warp whose lanes are counted one by one. */
  void begin() {
    seenCount = 0;
    lanes = 0;
    sharedLanes = 0;
    local = false;
  }

  /** Counts one lane. */
  void lane(MemoryUnit unit, int lane, Space where, int bytes, boolean store) {
    switch (where) {
      case SHARED -> {
        sharedOffsets[lane] = unit.at;
        sharedLanes |= 1 << lane;
      }
      case LOCAL -> local = true;
      default -> sector(unit.allocation, unit.at, bytes, store);
    }
  }

  /** Adds one lane's bytes in an allocation. */
  private void sector(Allocation allocation, int offset, int bytes, boolean store) {
    lanes++;
    int first = offset >> SECTOR_BITS;
    int last = (offset + bytes - 1) >> SECTOR_BITS;
    for (int sector = first; sector <= last; sector++) {
      long key = (allocation.address() >> SECTOR_BITS) + sector;
      if (isNew(key)) {
        seen[seenCount++] = key;
        sectors(allocation, store).set(sector);
      }
    }
  }

  private boolean isNew(long key) {
    for (int i = seenCount - 1; i >= 0; i--) {
      if (seen[i] == key) {
        return false;
      }
    }
    return true;
  }

  private BitSet sectors(Allocation allocation, boolean store) {
    if (store) {
      if (allocation != lastStored) {
        lastStored = allocation;
        lastStoredSectors = stored.computeIfAbsent(allocation, a -> new BitSet());
      }
      return lastStoredSectors;
    }
    if (allocation != lastLoaded) {
      lastLoaded = allocation;
      lastLoadedSectors = loaded.computeIfAbsent(allocation, a -> new BitSet());
    }
    return lastLoadedSectors;
  }

  /** Ends an access of a warp. */
  void end(int width, boolean store) {
    if (sharedLanes != 0) {
      shared(sharedOffsets, sharedLanes, width);
    }
    if (local) {
      localAccesses++;
    }
    if (lanes != 0) {
      endGlobal(width, store);
    }
  }

  private void endGlobal(int width, boolean store) {
    int power = AccessWidths.power(width);
    if (store) {
      stores[power]++;
      laneStores[power] += lanes;
      globalStoreSectors += seenCount;
    } else {
      loads[power]++;
      laneLoads[power] += lanes;
      globalLoadSectors += seenCount;
    }
  }

  /**
   * Counts an access to shared memory. 8-byte accesses take two passes of 16 lanes, 16-byte ones
   * four of 8; lanes that use the same word share it.
   */
  void shared(int[] offsets, int mask, int bytes) {
    sharedAccesses++;
    int phases = Math.max(1, bytes / 4);
    int lanes = Warp.LANES / phases;
    for (int phase = 0; phase < phases; phase++) {
      int passes = passes(offsets, mask, phase * lanes, (phase + 1) * lanes, phases);
      sharedWavefronts += passes;
      bankConflicts += Math.max(0, passes - 1);
    }
  }

  /** Passes over the banks that some lanes take with their words. */
  private int passes(int[] offsets, int mask, int from, int to, int words) {
    int banks = 0;
    for (int lane = from; lane < to; lane++) {
      if ((mask >>> lane & 1) == 0) {
        continue;
      }
      for (int i = 0; i < words; i++) {
        int word = (offsets[lane] >> 2) + i;
        int of = word & (BANKS - 1);
        if ((banks >>> of & 1) == 0) {
          banks |= 1 << of;
          firstWord[of] = word;
        } else if (firstWord[of] != word) {
          return conflictingPasses(offsets, mask, from, to, words);
        }
      }
    }
    return banks == 0 ? 0 : 1;
  }

  private int conflictingPasses(int[] offsets, int mask, int from, int to, int words) {
    Arrays.fill(bank, 0);
    int most = 0;
    for (int lane = from; lane < to; lane++) {
      if ((mask >>> lane & 1) != 0) {
        for (int i = 0; i < words; i++) {
          most = Math.max(most, wordsOfBank((offsets[lane] >> 2) + i));
        }
      }
    }
    return most;
  }

  /** Adds a word; returns the number of different words of its bank. */
  private int wordsOfBank(int word) {
    int of = word & (BANKS - 1);
    int count = bank[of];
    for (int i = 0; i < count; i++) {
      if (bankWords[of * Warp.LANES + i] == word) {
        return count;
      }
    }
    bankWords[of * Warp.LANES + count] = word;
    bank[of] = count + 1;
    return count + 1;
  }

  private static long uniqueBytes(IdentityHashMap<Allocation, BitSet> sectors) {
    return sectors.values().stream().mapToLong(s -> (long) s.cardinality() << SECTOR_BITS).sum();
  }

  private long of(Instr.Group group) {
    return groups[group.index];
  }

  LaunchReport report() {
    long all = 0;
    for (long count : groups) {
      all += count;
    }
    return new LaunchReport(
        all,
        laneInstructions,
        of(Instr.Group.INTEGER),
        of(Instr.Group.FLOAT),
        of(Instr.Group.CONTROL),
        divergentBranches,
        barriers,
        warpSyncs,
        of(Instr.Group.TENSOR),
        Arrays.stream(loads).sum(),
        globalLoadSectors,
        uniqueBytes(loaded),
        new AccessWidths(loads, laneLoads),
        Arrays.stream(stores).sum(),
        globalStoreSectors,
        uniqueBytes(stored),
        new AccessWidths(stores, laneStores),
        sharedAccesses,
        sharedWavefronts,
        bankConflicts,
        globalAtomics,
        sharedAtomics,
        localAccesses);
  }
}
