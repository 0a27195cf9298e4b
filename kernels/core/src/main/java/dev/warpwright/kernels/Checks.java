package dev.warpwright.kernels;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Argument checks shared by all contracts. They are always on and run before any memory is touched;
 * each failure is an {@link InvalidArgumentException} that names argument, value and what is
 * allowed.
 */
public final class Checks {
  private Checks() {}

  /** Refuses values below {@code least}; returns the value. */
  public static long atLeast(String argument, long value, long least) {
    if (value < least) {
      throw new InvalidArgumentException(argument, value, "at least " + least);
    }
    return value;
  }

  /** Refuses values outside {@code [least, most]}; returns the value. */
  public static long between(String argument, long value, long least, long most) {
    if (value < least || value > most) {
      throw new InvalidArgumentException(argument, value, least + ".." + most);
    }
    return value;
  }

  /** The same for {@code int}; returns the value. */
  public static int between(String argument, int value, int least, int most) {
    return (int) between(argument, (long) value, least, most);
  }

  /** Refuses a value that is not a multiple of {@code unit}. */
  public static void multipleOf(String argument, long value, long unit) {
    if (value % unit != 0) {
      throw new InvalidArgumentException(argument, value, "a multiple of " + unit);
    }
  }

  /** Refuses NaN and infinities; returns the value. */
  public static float finite(String argument, float value) {
    if (!Float.isFinite(value)) {
      throw new InvalidArgumentException(argument, value, "a finite number");
    }
    return value;
  }

  /** Refuses a condition that does not hold. */
  public static void that(boolean holds, String argument, @Nullable Object value, String allowed) {
    if (!holds) {
      throw new InvalidArgumentException(argument, value, allowed);
    }
  }

  /** Refuses {@code null}; returns the value. */
  public static <T> T notNull(String argument, @Nullable T value) {
    if (value == null) {
      throw new InvalidArgumentException(argument, null, "not null");
    }
    return value;
  }

  /** Refuses an element type other than those listed. */
  public static void dtype(String argument, DType value, DType... allowed) {
    for (DType dtype : allowed) {
      if (dtype == value) {
        return;
      }
    }
    throw new InvalidArgumentException(
        argument + ".dtype",
        value,
        Arrays.stream(allowed).map(Enum::name).collect(Collectors.joining(" or ")));
  }

  /** Refuses a tensor whose element type or shape is another. */
  public static void tensor(String argument, @Nullable Tensor tensor, DType dtype, long... shape) {
    Tensor given = notNull(argument, tensor);
    if (given.dtype() != dtype) {
      throw new InvalidArgumentException(argument + ".dtype", given.dtype(), dtype.name());
    }
    if (!given.shape().is(shape)) {
      throw new InvalidArgumentException(
          argument + ".shape", given.shape(), Arrays.toString(shape));
    }
  }

  /** The same for rank 1; without an array, because {@code run} must not allocate. */
  public static void tensor(String argument, @Nullable Tensor tensor, DType dtype, long d0) {
    Tensor given = notNull(argument, tensor);
    if (given.dtype() != dtype || given.rank() != 1 || given.size(0) != d0) {
      tensor(argument, given, dtype, new long[] {d0});
    }
  }

  /** The same for rank 2. */
  public static void tensor(
      String argument, @Nullable Tensor tensor, DType dtype, long d0, long d1) {
    Tensor given = notNull(argument, tensor);
    if (given.dtype() != dtype || given.rank() != 2 || given.size(0) != d0 || given.size(1) != d1) {
      tensor(argument, given, dtype, new long[] {d0, d1});
    }
  }

  /** The same for rank 3. */
  public static void tensor(
      String argument, @Nullable Tensor tensor, DType dtype, long d0, long d1, long d2) {
    Tensor given = notNull(argument, tensor);
    if (given.dtype() != dtype
        || given.rank() != 3
        || given.size(0) != d0
        || given.size(1) != d1
        || given.size(2) != d2) {
      tensor(argument, given, dtype, new long[] {d0, d1, d2});
    }
  }

  /** The same for rank 4. */
  public static void tensor(
      String argument, @Nullable Tensor tensor, DType dtype, long d0, long d1, long d2, long d3) {
    Tensor given = notNull(argument, tensor);
    if (given.dtype() != dtype
        || given.rank() != 4
        || given.size(0) != d0
        || given.size(1) != d1
        || given.size(2) != d2
        || given.size(3) != d3) {
      tensor(argument, given, dtype, new long[] {d0, d1, d2, d3});
    }
  }

  /** Refuses an output that may not be written. */
  public static void writable(String argument, Tensor tensor) {
    if (tensor.isHost() && tensor.segment().isReadOnly()) {
      throw new InvalidArgumentException(argument, "read-only memory", "writable memory");
    }
  }

  /** Refuses an output that shares memory with another argument. */
  public static void disjoint(String argument, Tensor output, String other, Tensor input) {
    if (output.bytes() > 0 && input.bytes() > 0 && overlap(output, input)) {
      throw new InvalidArgumentException(
          argument, "memory shared with " + other, "memory disjoint from " + other);
    }
  }

  /** Refuses what {@link KernelDevice#copy} cannot copy. */
  public static void copy(KernelDevice device, @Nullable Tensor from, @Nullable Tensor to) {
    Tensor source = notNull("from", from);
    Tensor target = notNull("to", to);
    that(
        target.dtype() == source.dtype() && target.shape().equals(source.shape()),
        "to",
        target,
        "the element type and shape of " + source);
    reachable(device, "from", source);
    reachable(device, "to", target);
    writable("to", target);
    disjoint("to", target, "from", source);
  }

  /** Refuses a tensor that a device cannot reach, or whose memory was freed. */
  static void reachable(KernelDevice device, String argument, Tensor tensor) {
    Memory memory = tensor.memory();
    if (!memory.isAlive()) {
      throw new InvalidArgumentException(
          argument, "in memory that was freed", "a tensor in live memory");
    }
    // The texts are made only when they are needed: run must not allocate.
    if (!device.canAccess(memory)) {
      throw new InvalidArgumentException(
          argument,
          "in memory of " + memory.place(),
          "memory that " + device.place() + " can access");
    }
  }

  private static boolean overlap(Tensor a, Tensor b) {
    if (!a.isHost() || !b.isHost()) {
      return a.memory() == b.memory()
          && a.byteOffset() < b.byteOffset() + b.bytes()
          && b.byteOffset() < a.byteOffset() + a.bytes();
    }
    // A read-only heap segment hides its array, so an input of that kind passes for another block.
    MemorySegment first = a.segment();
    MemorySegment second = b.segment();
    return first.isNative() == second.isNative()
        && a.array() == b.array()
        && first.address() < second.address() + second.byteSize()
        && second.address() < first.address() + first.byteSize();
  }
}
