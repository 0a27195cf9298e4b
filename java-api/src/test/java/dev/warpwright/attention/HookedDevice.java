package dev.warpwright.attention;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionKernels;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;

/** A device whose pools hold nothing, and which tells when pages are read from one. */
final class HookedDevice {
  private HookedDevice() {}

  private static final class Pool extends KvPool {
    private final Runnable whenRead;

    Pool(KernelDevice device, KvPoolSpec spec, Runnable whenRead) {
      super(device, spec, 0);
      this.whenRead = whenRead;
    }

    @Override
    protected void doExport(int[] pages, Tensor keys, Tensor values, Tensor positions) {
      whenRead.run();
    }

    @Override
    protected void doImport(int[] pages, Tensor keys, Tensor values, Tensor positions) {}

    @Override
    protected void release() {}
  }

  private static Object invoke(Object of, Method method, Object... arguments) throws Throwable {
    try {
      return method.invoke(of, arguments);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  static KernelDevice of(KernelDevice device, Runnable whenRead) {
    ClassLoader loader = HookedDevice.class.getClassLoader();
    AttentionKernels kernels =
        (AttentionKernels)
            Proxy.newProxyInstance(
                loader,
                new Class<?>[] {AttentionKernels.class},
                (proxy, method, arguments) ->
                    method.getName().equals("pool")
                        ? new Pool(device, (KvPoolSpec) arguments[0], whenRead)
                        : invoke(device.attention(), method, arguments));
    return (KernelDevice)
        Proxy.newProxyInstance(
            loader,
            new Class<?>[] {KernelDevice.class},
            (proxy, method, arguments) ->
                method.getName().equals("attention") ? kernels : invoke(device, method, arguments));
  }
}
