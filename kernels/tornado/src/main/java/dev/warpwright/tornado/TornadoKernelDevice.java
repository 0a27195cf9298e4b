package dev.warpwright.tornado;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.HostMemory;
import dev.warpwright.kernels.HostTensor;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.LeakDetector;
import dev.warpwright.kernels.Memory;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.tornado.attention.AttentionTornado;
import dev.warpwright.tornado.moe.MoeTornado;
import dev.warpwright.tornado.reduce.ReduceTornado;
import dev.warpwright.tornado.sparse.SparseTornado;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;
import uk.ac.manchester.tornado.api.common.TornadoDevice;

/**
 * An open device of TornadoVM. Its tensors lie in host memory: arrays of TornadoVM are bound to a
 * plan when it is made, so a run copies tensors into those of its plan, and TornadoVM copies these
 * to the device. Runs are over when they return.
 */
public final class TornadoKernelDevice implements KernelDevice {
  /** Idle programs that are kept for later plans of the same shape. */
  private static final int MOST_IDLE = 32;

  private final int ordinal;
  private final TornadoDevice handle;
  private final LeakDetector.Registration registration;
  private final Map<Object, Deque<Resource>> idle = new HashMap<>();
  private int idleCount;
  private final AttentionTornado attention;
  private final SparseTornado sparse;
  private final MoeTornado moe;
  private final ReduceTornado reduce;
  private volatile boolean open = true;

  @SuppressWarnings("this-escape") // the registration keeps only a weak reference
  private TornadoKernelDevice(int ordinal) {
    this.ordinal = ordinal;
    handle = Installation.device(ordinal);
    registration = LeakDetector.register(this, "device " + place(), 0);
    attention = new AttentionTornado(this);
    sparse = new SparseTornado(this);
    moe = new MoeTornado(this);
    reduce = new ReduceTornado(this);
  }

  static TornadoKernelDevice open(int ordinal) {
    return new TornadoKernelDevice(ordinal);
  }

  TornadoDevice handle() {
    return handle;
  }

  @Override
  public String provider() {
    return TornadoProvider.ID;
  }

  @Override
  public String place() {
    return TornadoProvider.ID + ":" + ordinal;
  }

  @Override
  public String name() {
    return Installation.probe().devices().get(ordinal);
  }

  @Override
  public boolean isOpen() {
    return open;
  }

  /** Refuses use of a closed device. */
  public void requireOpen() {
    if (!open) {
      throw new IllegalStateException("device " + place() + " is closed");
    }
  }

  /** Something idle that was made for {@code key}, or something new. */
  @SuppressWarnings("unchecked") // a key stands for one class
  public <T extends Resource> T lease(Object key, Supplier<T> make) {
    requireOpen();
    synchronized (idle) {
      Deque<Resource> waiting = idle.get(key);
      if (waiting != null && !waiting.isEmpty()) {
        idleCount--;
        return (T) waiting.pop();
      }
    }
    return make.get();
  }

  /** Keeps what is no longer needed for the next {@link #lease} with the same key. */
  public void giveBack(Object key, Resource resource) {
    synchronized (idle) {
      if (open && idleCount < MOST_IDLE) {
        idleCount++;
        idle.computeIfAbsent(key, k -> new ArrayDeque<>()).push(resource);
        return;
      }
    }
    resource.close();
  }

  @Override
  public boolean canAccess(Memory memory) {
    return memory instanceof HostMemory;
  }

  @Override
  public DeviceTensor allocate(DType dtype, long... shape) {
    requireOpen();
    return new HostTensor(dtype, shape);
  }

  @Override
  public void copy(Tensor from, Tensor to) {
    requireOpen();
    Checks.copy(this, from, to);
    to.segment().copyFrom(from.segment());
  }

  @Override
  public void synchronize() {
    requireOpen();
  }

  @Override
  public Support support(KernelSpec spec) {
    return switch (spec.kernel().family()) {
      case ATTENTION -> attention.support(spec);
      case SPARSE -> sparse.support(spec);
      case MOE -> moe.support(spec);
      case REDUCE -> reduce.support(spec);
    };
  }

  @Override
  public AttentionTornado attention() {
    return attention;
  }

  @Override
  public SparseTornado sparse() {
    return sparse;
  }

  @Override
  public MoeTornado moe() {
    return moe;
  }

  @Override
  public ReduceTornado reduce() {
    return reduce;
  }

  @Override
  public void close() {
    synchronized (idle) {
      if (!open) {
        return;
      }
      open = false;
      idle.values().forEach(waiting -> waiting.forEach(Resource::close));
      idle.clear();
    }
    sparse.close();
    registration.close();
  }
}
