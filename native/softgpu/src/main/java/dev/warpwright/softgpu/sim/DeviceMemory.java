package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.SimFault.Kind;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/**
 * Memory of a simulated device. Addresses lie above every address of a host process, have gaps
 * between them and are never given out again: a stray access is recognised as one.
 */
public final class DeviceMemory {
  /** Host processes use 47 bits. */
  private static final long BASE = 1L << 48;

  /** Between the first addresses of two devices: more than one will ever give out. */
  private static final long STRIDE = 1L << 44;

  private static final int MOST_DEVICES = 1 << 10;

  private static final long ALIGNMENT = 256;
  private static final long GUARD = 4096;

  private final long capacity;
  private final TreeMap<Long, Allocation> live = new TreeMap<>();

  /** Freed allocations without their data, for reports; the oldest are forgotten. */
  private final TreeMap<Long, Freed> freed = new TreeMap<>();

  private static final int FREED_KEPT = 4096;

  /** Memory of other devices that kernels of this one may use. */
  private final List<DeviceMemory> peers = new CopyOnWriteArrayList<>();

  private long next;
  private long used;

  private record Freed(long address, long bytes, String label) {}

  /**
   * Creates an empty memory.
   *
   * @param capacity bytes that can be allocated at one time
   */
  public DeviceMemory(long capacity) {
    this(capacity, 0);
  }

  /**
   * Creates an empty memory whose addresses no other device has.
   *
   * @param capacity bytes that can be allocated at one time
   * @param ordinal which device of the machine
   */
  public DeviceMemory(long capacity, int ordinal) {
    if (ordinal < 0 || ordinal >= MOST_DEVICES) {
      throw new IllegalArgumentException("ordinal " + ordinal + ": 0 to " + (MOST_DEVICES - 1));
    }
    this.capacity = capacity;
    next = BASE + ordinal * STRIDE;
  }

  /** Lets kernels of this device use another one's memory. */
  public void addPeer(DeviceMemory peer) {
    peers.add(peer);
  }

  /** Ends what {@link #addPeer} began. */
  public void removePeer(DeviceMemory peer) {
    peers.remove(peer);
  }

  /** Finds the live allocation that holds an address, here or in a peer. */
  @Nullable Allocation reach(long address) {
    Allocation found = find(address);
    for (DeviceMemory peer : peers) {
      found = found == null ? peer.find(address) : found;
    }
    return found;
  }

  /**
   * Allocates memory with undefined contents.
   *
   * @param bytes size, at least 1
   * @param label for reports
   * @return a device address, a multiple of 256
   * @throws OutOfDeviceMemory if it does not fit
   */
  public synchronized long allocate(long bytes, String label) {
    if (bytes <= 0) {
      throw new IllegalArgumentException("bytes " + bytes + " must be positive");
    }
    if (bytes > capacity - used) {
      throw new OutOfDeviceMemory(bytes, capacity - used, "capacity is " + capacity);
    }
    if (bytes > Integer.MAX_VALUE - 64) {
      throw new OutOfDeviceMemory(
          bytes, capacity - used, "one allocation is simulated up to 2 GiB");
    }
    Allocation created = new Allocation(next, (int) bytes, label);
    live.put(next, created);
    next += (bytes + GUARD + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    used += bytes;
    return created.address();
  }

  /**
   * Gives memory back.
   *
   * @param address as returned by {@link #allocate}
   * @throws IllegalArgumentException if no live allocation starts there
   */
  public synchronized void free(long address) {
    Allocation gone = live.remove(address);
    if (gone == null) {
      throw new IllegalArgumentException("no allocation starts at " + describe(address));
    }
    gone.markFreed();
    used -= gone.bytes();
    freed.put(address, new Freed(address, gone.bytes(), gone.label()));
    if (freed.size() > FREED_KEPT) {
      freed.pollFirstEntry();
    }
  }

  /**
   * Finds the live allocation that holds an address.
   *
   * @param address a device address
   * @return the allocation, or null
   */
  public synchronized @Nullable Allocation find(long address) {
    var entry = live.floorEntry(address);
    return entry != null && entry.getValue().contains(address, 1) ? entry.getValue() : null;
  }

  /**
   * Says what is known about an address: inside, beyond the end of, or in a freed allocation.
   *
   * @param address any address
   */
  public synchronized String describe(long address) {
    String hex = "0x" + Long.toHexString(address);
    var below = live.floorEntry(address);
    var gone = freed.floorEntry(address);
    if (gone != null
        && address - gone.getKey() < gone.getValue().bytes
        && (below == null || below.getKey() < gone.getKey())) {
      return hex
          + " = freed "
          + gone.getValue().label
          + " + "
          + (address - gone.getKey())
          + " of "
          + gone.getValue().bytes
          + " bytes";
    }
    if (below == null) {
      return hex + ", which is not a device address";
    }
    Allocation near = below.getValue();
    return hex
        + " = "
        + near.label()
        + " + "
        + (address - near.address())
        + " of "
        + near.bytes()
        + " bytes";
  }

  /** Whether an address lies in memory that was given back. */
  synchronized boolean isFreed(long address) {
    var gone = freed.floorEntry(address);
    return gone != null && address - gone.getKey() < gone.getValue().bytes;
  }

  private Allocation range(long address, long bytes) {
    Allocation found = find(address);
    if (found == null || !found.contains(address, bytes)) {
      throw new IllegalArgumentException(bytes + " bytes at " + describe(address));
    }
    return found;
  }

  /**
   * Copies from the host. The bytes count as initialised.
   *
   * @param to device address
   * @param from the source
   * @throws IllegalArgumentException if the range is not inside one allocation
   */
  public synchronized void copyIn(long to, MemorySegment from) {
    if (from.byteSize() == 0) {
      return;
    }
    Allocation target = range(to, from.byteSize());
    int offset = (int) (to - target.address());
    MemorySegment.copy(from, ValueLayout.JAVA_BYTE, 0, target.data, offset, (int) from.byteSize());
    target.markInitialised(offset, from.byteSize());
  }

  /**
   * Copies to the host. Undefined bytes are copied as they are; {@link #firstUninitialised} finds
   * them.
   *
   * @param from device address
   * @param to the target
   * @throws IllegalArgumentException if the range is not inside one allocation
   */
  public synchronized void copyOut(long from, MemorySegment to) {
    if (to.byteSize() == 0) {
      return;
    }
    Allocation source = range(from, to.byteSize());
    MemorySegment.copy(
        source.data,
        (int) (from - source.address()),
        to,
        ValueLayout.JAVA_BYTE,
        0,
        (int) to.byteSize());
  }

  /**
   * Checks an access of a library function, which is not simulated thread by thread.
   *
   * @param function its name
   * @param address device address
   * @param bytes size of the range
   * @param reads whether all of it must have been written
   * @throws SimFault if the range is not inside one allocation, or holds a byte that nobody wrote
   */
  public synchronized void checkLibrary(String function, long address, long bytes, boolean reads) {
    if (bytes == 0) {
      return;
    }
    Allocation found = find(address);
    if (found == null || !found.contains(address, bytes)) {
      throw SimFault.ofLibrary(
          isFreed(address) ? Kind.USE_AFTER_FREE : Kind.OUT_OF_BOUNDS,
          function,
          address,
          (reads ? "a read of " : "a write of ") + bytes + " bytes at " + describe(address));
    }
    long undefined = reads ? firstUninitialised(address, bytes) : -1;
    if (undefined >= 0) {
      throw SimFault.ofLibrary(
          Kind.UNINITIALISED,
          function,
          undefined,
          "a read of " + describe(undefined) + ", which nobody wrote");
    }
  }

  /**
   * Copies inside the device, overlaps included. Undefined bytes stay undefined.
   *
   * @param to device address
   * @param from device address
   * @param bytes size
   * @throws IllegalArgumentException if a range is not inside one allocation
   */
  public void copy(long to, long from, long bytes) {
    copy(to, this, from, bytes);
  }

  /**
   * Copies from a device, this one or another, overlaps included. Undefined bytes stay undefined.
   *
   * @param to device address here
   * @param memory where the source is
   * @param from device address there
   * @param bytes size
   * @throws IllegalArgumentException if a range is not inside one allocation
   */
  public synchronized void copy(long to, DeviceMemory memory, long from, long bytes) {
    if (bytes == 0) {
      return;
    }
    Allocation source = memory.range(from, bytes);
    Allocation target = range(to, bytes);
    int start = (int) (from - source.address());
    int offset = (int) (to - target.address());
    boolean defined = source.firstUninitialised(start, bytes) < 0;
    byte[] bits = source.initialised.clone();
    System.arraycopy(source.data, start, target.data, offset, (int) bytes);
    if (defined) {
      target.markInitialised(offset, bytes);
      return;
    }
    for (int i = 0; i < bytes; i++) {
      boolean set = (bits[(start + i) >> 3] >> ((start + i) & 7) & 1) != 0;
      int bit = 1 << ((offset + i) & 7);
      int old = target.initialised[(offset + i) >> 3];
      target.initialised[(offset + i) >> 3] = (byte) (set ? old | bit : old & ~bit);
    }
  }

  /**
   * Fills memory with one element repeated. The bytes count as initialised.
   *
   * @param address device address
   * @param value the element in its lower bytes
   * @param elementBytes 1, 2, 4 or 8
   * @param count number of elements
   * @throws IllegalArgumentException if the range is not inside one allocation
   */
  public synchronized void fill(long address, long value, int elementBytes, long count) {
    if (count == 0) {
      return;
    }
    Allocation target = range(address, Math.multiplyExact(count, (long) elementBytes));
    int offset = (int) (address - target.address());
    for (long i = 0; i < count; i++) {
      for (int b = 0; b < elementBytes; b++) {
        target.data[offset++] = (byte) (value >> (8 * b));
      }
    }
    target.markInitialised(address - target.address(), count * elementBytes);
  }

  /**
   * Finds bytes that nobody wrote.
   *
   * @param address device address
   * @param bytes size of the range
   * @return address of the first such byte, or -1
   */
  public synchronized long firstUninitialised(long address, long bytes) {
    Allocation source = range(address, bytes);
    long offset = source.firstUninitialised(address - source.address(), bytes);
    return offset < 0 ? -1 : source.address() + offset;
  }

  /** Bytes that can be allocated at one time. */
  public long capacity() {
    return capacity;
  }

  /** Bytes allocated now. */
  public synchronized long used() {
    return used;
  }

  /** What is allocated now, by address. */
  public synchronized List<Allocation> allocations() {
    return List.copyOf(live.values());
  }
}
