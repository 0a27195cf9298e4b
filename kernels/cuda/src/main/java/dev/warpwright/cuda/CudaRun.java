package dev.warpwright.cuda;

import dev.warpwright.cuda.runtime.CudaFunction;
import dev.warpwright.cuda.runtime.DeviceBuffer;
import dev.warpwright.cuda.runtime.KernelArguments;
import dev.warpwright.cuda.runtime.LaunchGrid;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * One run of a plan: turns tensors into device addresses, launches, and brings results back. It
 * holds the device's stream until it is closed, so always use it in {@code try (CudaRun run =
 * device.begin()) …}.
 *
 * <p>Tensors of the device are used where they are. Host tensors are copied into the part of the
 * staging area that the plan has reserved ({@link CudaKernelDevice#reserve}).
 */
public final class CudaRun implements AutoCloseable {
  private final CudaKernelDevice device;
  private final Staging staging;
  private final Complaints complaints;
  private final KernelArguments arguments = new KernelArguments();
  private final List<Result> results = new ArrayList<>();

  private record Result(long address, MemorySegment host) {}

  CudaRun(CudaKernelDevice device, Staging staging, Complaints complaints) {
    this.device = device;
    this.staging = staging;
    this.complaints = complaints;
  }

  void begin() {
    results.clear();
    staging.restart();
  }

  /** Bytes of the staging area that a tensor of this many bytes takes. */
  public static long staged(long bytes) {
    return Staging.aligned(bytes);
  }

  /**
   * Makes more room, for host memory whose size the plan does not bound. Before the first tensor of
   * a run; where the room is there already, which it stays, nothing is allocated.
   */
  public void require(long bytes) {
    staging.reserve(bytes);
  }

  /** Device address of an input. */
  public long input(Tensor tensor) {
    return tensor.isHost() ? staging.in(tensor.segment()) : address(tensor);
  }

  /** Device address of an output that the kernel writes wholly. */
  public long output(Tensor tensor) {
    if (!tensor.isHost()) {
      return address(tensor);
    }
    return result(staging.out(tensor.bytes()), tensor);
  }

  /** Device address of an output that the kernel writes in part; the rest stays as it is. */
  public long inOut(Tensor tensor) {
    return tensor.isHost() ? result(staging.in(tensor.segment()), tensor) : address(tensor);
  }

  private long result(long address, Tensor tensor) {
    results.add(new Result(address, tensor.segment()));
    return address;
  }

  /** Device address of a tensor of the device. */
  public static long address(Tensor tensor) {
    return ((DeviceBuffer) tensor.memory()).address() + tensor.byteOffset();
  }

  /**
   * Adds the two arguments of a kernel that guards indices with {@code common/guard.cuh}.
   *
   * @param kernel the kernel
   * @param unseen whether some of the indices are in device memory, so that the host could not
   *     check them
   */
  public void guard(KernelId kernel, boolean unseen) {
    arguments.add(complaints.address(unseen)).add(Complaints.tag(kernel));
  }

  /** Makes all bytes of an output zero, in place of a launch. */
  public void zero(Tensor output) {
    if (output.isHost()) {
      output.segment().fill((byte) 0);
    } else {
      device.zero(output);
    }
  }

  /** The arguments of the next launch, empty. */
  public KernelArguments arguments() {
    return arguments.clear();
  }

  /** Enqueues a kernel with the {@link #arguments}. */
  public void launch(CudaFunction kernel, LaunchGrid grid) {
    staging.flush();
    device.launch(kernel, grid, arguments);
  }

  /**
   * Enqueues what a library does on the device's stream.
   *
   * @param kernel for whom, in errors that show later
   * @param work enqueues it
   */
  public void enqueue(String kernel, Runnable work) {
    staging.flush();
    device.enqueue(kernel, work);
  }

  /**
   * Ends the run: when an output is in host memory it is written when this returns; otherwise the
   * work is enqueued. Staged memory may be used again.
   */
  public void complete() {
    if (!results.isEmpty()) {
      device.await(
          () -> {
            for (Result result : results) {
              staging.back(result.address, result.host);
            }
            complaints.check();
          });
    }
    begin();
  }

  @Override
  public void close() {
    device.unlock();
  }
}
